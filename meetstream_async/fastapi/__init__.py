"""FastAPI integration, behind the extra ``fastapi``: ``pip install 'meetstream-async[fastapi]'``.

app = FastAPI(lifespan=meetstream_lifespan())
add_error_handlers(app)
app.include_router(bulk_router(dependencies=[Depends(require_admin)]))

@app.get("/bots")
async def bots(client: ClientDep) -> ScheduledBotPage:
    return await client.list_scheduled_bots()
"""

from .in_process import InProcessRuns
from .lifespan import ClientDep, MeetBitClientDep, meetbit_lifespan, meetstream_lifespan
from .problems import FieldProblem, Problem, add_error_handlers, problem_responses
from .router import bulk_router
from .runs import BulkRequest, ListedBot, OutcomePage, RunOutcome, RunPhase, Runs, RunState

__all__ = [
    "BulkRequest",
    "ClientDep",
    "FieldProblem",
    "InProcessRuns",
    "ListedBot",
    "MeetBitClientDep",
    "OutcomePage",
    "Problem",
    "RunOutcome",
    "RunPhase",
    "RunState",
    "Runs",
    "add_error_handlers",
    "bulk_router",
    "meetbit_lifespan",
    "meetstream_lifespan",
    "problem_responses",
]
