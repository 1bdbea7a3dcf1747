import argparse, json
from .figures.ratio import ratio
from .sizes import FULL, QUICK
p = argparse.ArgumentParser(prog="python -m benchmarks")
p.add_argument("--quick", action="store_true")
p.add_argument("--only")
o = p.parse_args()
for c, runs in ratio(QUICK if o.quick else FULL).items():
    for name, t in runs.items():
        print(f"concurrency {c:>2}  {name:<10} {t['cpu_us']:7.1f} us  ratio {t['ratio']:.3f}  ({t['low']:.3f} to {t['high']:.3f})  of sums {t['ratio_of_sums']:.3f}", flush=True)
