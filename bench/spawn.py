"""The main job on one machine."""

from __future__ import annotations

from bench.first import measure_first_update
from bench.flood import measure_updates
from bench.idle import measure_idle
from bench.start import measure_start
from bench.stream import measure_stream
from bench.suite import Suite

ABOUT = """- *accepted to first update*: from the answer to the order, by when it is stored, to the agent's first update
  heard; 50 orders, one after another; *order to first update* begins with the HTTP request on its way. Floor:
  `git worktree add` in the same repository, and the same agent bare under the ACP library.
- *200 idle*: 200 demo agents at once that said one thing and wait. Memory of the bot is what it grew by (resident);
  of guards and agents it is PSS. Loop lag is how long `/healthz` takes, its floor is the same before they came.
- *updates stored*: one agent that sends 20,000 small updates, from the first heard to the end of the turn, by when all
  are in the database. Floor: what the ACP library's client reads of the same.
- *cold start*: from the process's start on existing data to 200 from `/readyz`. Floor: a Python that imports fastapi,
  uvicorn and sqlalchemy. *--help*: whole processes. Floor: a plain typer app with as many commands.
- *event to reader*: 100 readers in another process, 200 events a second, each in a transaction of its own. Floor:
  the same events from starlette and uvicorn, out of memory."""

SUITE = Suite(
    ABOUT,
    {
        "first": measure_first_update,
        "idle": measure_idle,
        "updates": measure_updates,
        "start": measure_start,
        "stream": measure_stream,
    },
)
