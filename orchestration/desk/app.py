"""The pages and forms of the steward desk.

Every page needs a signed-in user and every form its session's token; a form does one library
call and goes back to its page with one sentence about it. Add here: a page or a form. Keep out:
what is shown (reading), what deciding does (quality.decisions, linkage.review).
"""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from orchestration import landing, timeliness, warehouse
from orchestration.desk import reading, users
from orchestration.desk.users import User
from orchestration.errors import LifecourseError, UsageError
from orchestration.quality import decisions, failing, quarantine, suites
from orchestration.quality.messages import number, percent

if TYPE_CHECKING:
    import psycopg

    from orchestration.landing.contracts import Contract
    from orchestration.settings import Settings

HERE = Path(__file__).parent
# A working day: who leaves the desk overnight signs in again. 2026-11-25.
SESSION_SECONDS = 8 * 3600
MOST_REVIEWED = 50
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class _Refused(Exception):
    """The user may not do this. Its text says what right is missing."""


def build(settings: Settings) -> Starlette:
    """The web application over one warehouse, whose bookkeeping is there (serve sees to it).

    Opens no connection before the first request.
    """
    desk = _Desk(settings)
    return Starlette(
        routes=[
            Route("/sign-in", desk.sign_in, methods=["GET", "POST"], name="sign_in"),
            Route("/sign-out", desk.form(desk.sign_out), methods=["POST"], name="sign_out"),
            Route("/", desk.page(desk.index), name="index"),
            Route("/loads/{load_id:int}", desk.page(desk.load), name="load"),
            Route("/loads/{load_id:int}/rows/{rule_id}", desk.page(desk.rows), name="rows"),
            Route("/loads/{load_id:int}/difference", desk.page(desk.difference), name="difference"),
            Route("/loads/{load_id:int}/missing", desk.page(desk.missing), name="missing"),
            Route("/loads/{load_id:int}/receipt", desk.page(desk.receipt), name="receipt"),
            Route("/loads/{load_id:int}/decide", desk.form(desk.decide), methods=["POST"],
                  name="decide"),
            Route("/loads/{load_id:int}/override", desk.form(desk.override), methods=["POST"],
                  name="override"),
            Route("/decisions", desk.page(desk.decisions), name="decisions"),
            Route("/decisions/{number:int}", desk.form(desk.answer), methods=["POST"],
                  name="answer"),
            Route("/linkage", desk.page(desk.linkage), name="linkage"),
            Route("/linkage/decisions/{number:int}", desk.form(desk.answer_link),
                  methods=["POST"], name="answer_link"),
            Route("/linkage/records/{item}", desk.page(desk.records), name="records"),
            Route("/linkage/decide", desk.form(desk.link), methods=["POST"], name="link"),
            Mount("/static", StaticFiles(directory=HERE / "static"), name="static"),
        ],
        middleware=[
            Middleware(
                SessionMiddleware, secret_key=_secret(settings), session_cookie="lifecourse_desk",
                max_age=SESSION_SECONDS, same_site="strict",
            )
        ],
    )  # fmt: skip


def _secret(settings: Settings) -> str:
    """The key that signs sessions: made once, in a file that only its owner reads."""
    path = settings.home / "desk.key"
    settings.make_folders()
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    return path.read_text()


class _Desk:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.pages = Jinja2Templates(directory=HERE / "pages")
        self.pages.env.globals.update(number=number, percent=percent)
        self.pages.env.filters["day"] = lambda at: at.strftime("%Y-%m-%d %H:%M") if at else ""

    # --- what every page and form has in common ----------------------------------------

    def page(self, show: Callable[..., Response]) -> Callable[[Request], Any]:
        """A page for a signed-in user: `show(request, connection, user)`."""

        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(self._answer, request, show, None)

        return endpoint

    def form(self, act: Callable[..., Response]) -> Callable[[Request], Any]:
        """A form of a signed-in user: `act(request, connection, user, fields)`."""

        async def endpoint(request: Request) -> Response:
            fields = {k: v for k, v in (await request.form()).items() if isinstance(v, str)}
            return await run_in_threadpool(self._answer, request, act, fields)

        return endpoint

    def _answer(
        self, request: Request, work: Callable[..., Response], fields: dict[str, str] | None
    ) -> Response:
        name = request.session.get("user")
        with warehouse.connect(self.settings) as connection:
            user = users.find(connection, name) if name else None
            if user is None:
                request.session.clear()
                return RedirectResponse(request.url_for("sign_in"), 303, HEADERS)
            try:
                if fields is None:
                    return work(request, connection, user)
                if not secrets.compare_digest(
                    fields.get("token", ""), request.session.get("token", "-")
                ):
                    raise _Refused("This form is too old; open its page again.")
                return work(request, connection, user, fields)
            except _Refused as refused:
                connection.rollback()
                users.log(connection, user.name, "refused", request.url.path)
                connection.commit()
                return self._show(
                    request, "message.html", user, status=403, heading="Not yours to do",
                    text=str(refused),
                )  # fmt: skip
            except LifecourseError as error:
                connection.rollback()
                if fields is not None and fields.get("back"):
                    return self._back(request, fields["back"], str(error), "alert")
                return self._show(
                    request, "message.html", user, status=409, heading="That did not work",
                    text=str(error),
                )  # fmt: skip

    def _show(
        self, request: Request, page: str, user: User | None, *, status: int = 200, **values: Any
    ) -> Response:
        said = request.session.pop("said", None)
        values.update(
            user=user, said=said, token=request.session.get("token", ""), here=request.url.path
        )
        return self.pages.TemplateResponse(request, page, values, status, HEADERS)

    def _back(self, request: Request, path: str, text: str, kind: str = "status") -> Response:
        """To a page of the desk, with a sentence about what was done."""
        request.session["said"] = {"text": text, "kind": kind}
        safe = path if path.startswith("/") and not path.startswith("//") else "/"
        return RedirectResponse(safe, 303, HEADERS)

    def _of_load(
        self, request: Request, connection: psycopg.Connection
    ) -> tuple[dict[str, Any], Contract]:
        load_id = request.path_params["load_id"]
        load = reading.load(connection, load_id)
        if load is None:
            raise UsageError(f"There is no load {load_id}.")
        path = self.settings.contracts / load["agency"] / f"{load['file']}.yml"
        return load, landing.load_contract(path)

    # --- signing in --------------------------------------------------------------------

    async def sign_in(self, request: Request) -> Response:
        if request.method == "GET":
            return self._show(request, "sign_in.html", None)
        fields = await request.form()
        name, password = str(fields.get("name", "")), str(fields.get("password", ""))

        def check() -> User | None:
            with warehouse.connect(self.settings) as connection:
                return users.sign_in(connection, name, password)

        user = await run_in_threadpool(check)
        if user is None:
            return self._show(
                request, "sign_in.html", None, status=401,
                problem="Name and password do not fit, or there were too many tries; wait five "
                "minutes after the fifth.",
            )  # fmt: skip
        request.session.clear()
        request.session.update(user=user.name, token=secrets.token_urlsafe(24))
        return RedirectResponse(request.url_for("index"), 303, HEADERS)

    def sign_out(
        self, request: Request, connection: psycopg.Connection, user: User, fields: dict
    ) -> Response:
        users.log(connection, user.name, "signed out", "")
        connection.commit()
        request.session.clear()
        return RedirectResponse(request.url_for("sign_in"), 303, HEADERS)

    # --- loads -------------------------------------------------------------------------

    def index(self, request: Request, connection: psycopg.Connection, user: User) -> Response:
        status, agency = request.query_params.get("status"), request.query_params.get("agency")
        return self._show(
            request, "index.html", user,
            loads=reading.loads(connection, status=status or None, agency=agency or None),
            statuses=reading.statuses(connection), agencies=reading.agencies(connection),
            late=timeliness.read(connection, late_only=True),
            status_now=status or "", agency_now=agency or "",
        )  # fmt: skip

    def load(self, request: Request, connection: psycopg.Connection, user: User) -> Response:
        load, contract = self._of_load(request, connection)
        today = datetime.date.today()
        longest = suites.policy().longest_override_days
        return self._show(
            request, "load.html", user, load=load, contract=contract,
            results=reading.results(connection, load["load_id"]),
            aside=quarantine.summary(connection, load["load_id"]),
            charts=reading.charts(connection, contract, load["load_id"]),
            decisions=reading.decisions(connection, load_id=load["load_id"]),
            may_decide=user.may("steward", load["agency"]),
            may_see=user.may("identified", load["agency"]),
            groups=reading.group_columns(contract),
            first_day=(today + datetime.timedelta(days=1)).isoformat(),
            last_day=(today + datetime.timedelta(days=longest)).isoformat(),
        )  # fmt: skip

    def rows(self, request: Request, connection: psycopg.Connection, user: User) -> Response:
        load, contract = self._of_load(request, connection)
        rule_id = request.path_params["rule_id"]
        if not user.may("identified", load["agency"]):
            raise _Refused("Rows of people are for users with the role identified.")
        users.log(connection, user.name, "saw failing rows", f"load {load['load_id']} {rule_id}")
        connection.commit()
        rule = next((r for r in suites.rules(contract) if r.rule_id == rule_id), None)
        look = failing.set_aside_rows if "aside" in request.query_params else failing.failing_rows
        found = look(connection, contract, load["load_id"], rule_id)
        return self._show(request, "rows.html", user, load=load, rule=rule, found=found)

    def difference(self, request: Request, connection: psycopg.Connection, user: User) -> Response:
        load, contract = self._of_load(request, connection)
        found = reading.difference(connection, contract, load["load_id"])
        return self._show(request, "difference.html", user, load=load, tables=found)

    def missing(self, request: Request, connection: psycopg.Connection, user: User) -> Response:
        load, contract = self._of_load(request, connection)
        choices = reading.group_columns(contract)
        asked = request.query_params.get("by", "")
        chosen = next((c for c in choices if f"{c[0].name}.{c[1]}" == asked), None)
        chosen = chosen or (choices[0] if choices else None)
        found = chosen and reading.missing_by_group(
            connection, contract, chosen[0], chosen[1], load["load_id"]
        )
        return self._show(
            request, "missing.html", user, load=load, choices=choices, chosen=chosen, found=found
        )

    def receipt(self, request: Request, connection: psycopg.Connection, user: User) -> Response:
        load, _ = self._of_load(request, connection)
        lines = [
            "Receipt of a delivery",
            "",
            f"Agency:        {load['agency']}",
            f"File:          {load['path']}",
            f"Period:        {load['period']}",
            f"Received:      {load['received_at']:%Y-%m-%d %H:%M:%S %Z}",
            f"Bytes:         {load['bytes']:,}",
            f"SHA-256:       {load['sha256']}",
            f"Rows:          {load['row_count'] if load['row_count'] is not None else 'not read'}",
            f"Contract:      version {load['contract_version']}",
            f"Load number:   {load['load_id']}",
            f"State:         {load['status']}"
            + (f", {load['decided_at']:%Y-%m-%d %H:%M}" if load["decided_at"] else ""),
        ]
        if load["reason"]:
            lines.append(f"Reason:        {load['reason']}")
        if load["note"]:
            lines.append(f"Note:          {load['note']}")
        for aside in quarantine.summary(connection, load["load_id"]):
            lines.append(f"Set aside:     {aside.sentence}")
        for result in reading.results(connection, load["load_id"]):
            if result["status"] in ("failed", "error"):
                lines += ["", f"{result['severity']}: {result['message']}", f"  {result['fix']}"]
        return PlainTextResponse(
            "\n".join(lines) + "\n",
            headers={
                **HEADERS,
                "Content-Disposition": f'attachment; filename="receipt_{load["load_id"]}.txt"',
            },
        )

    def decide(
        self, request: Request, connection: psycopg.Connection, user: User, fields: dict
    ) -> Response:
        load, _ = self._of_load(request, connection)
        self._demand_steward(user, load["agency"])
        verb = {"release": decisions.release, "reject": decisions.reject}.get(
            fields.get("action", "")
        )
        if verb is None:
            raise UsageError("A held load can be released or rejected.")
        decision = verb(
            self.settings, load["load_id"], steward=user.name, reason=fields.get("reason", "")
        )
        return self._done(request, connection, user, decision, fields)

    def override(
        self, request: Request, connection: psycopg.Connection, user: User, fields: dict
    ) -> Response:
        load, contract = self._of_load(request, connection)
        self._demand_steward(user, load["agency"])
        try:
            expires_on = datetime.date.fromisoformat(fields.get("expires_on", ""))
        except ValueError:
            raise UsageError("An override needs the day on which it ends.") from None
        decision = decisions.override(
            self.settings, contract, fields.get("rule_id", ""), steward=user.name,
            reason=fields.get("reason", ""), expires_on=expires_on,
        )  # fmt: skip
        return self._done(request, connection, user, decision, fields)

    def decisions(self, request: Request, connection: psycopg.Connection, user: User) -> Response:
        return self._show(request, "decisions.html", user, decisions=reading.decisions(connection))

    def answer(
        self, request: Request, connection: psycopg.Connection, user: User, fields: dict
    ) -> Response:
        disposition = request.path_params["number"]
        agency = connection.execute(
            "select agency from quality.disposition where disposition_id = %s", [disposition]
        ).fetchone()
        if agency is None:
            raise UsageError(f"There is no decision {disposition}.")
        connection.commit()
        if fields.get("action") == "withdraw":
            self._demand_steward(user, agency[0])
            decisions.withdraw(self.settings, disposition, steward=user.name)
            text = f"Decision {disposition} is taken back."
        else:
            if not user.may("approver", agency[0]):
                raise _Refused("Approving needs the role approver for this agency.")
            text = decisions.approve(self.settings, disposition, approver=user.name).sentence
        users.log(connection, user.name, fields.get("action", "approve"), f"decision {disposition}")
        connection.commit()
        return self._back(request, fields.get("back", "/decisions"), text)

    def _demand_steward(self, user: User, agency: str) -> None:
        if not user.may("steward", agency):
            raise _Refused(f"Deciding on loads of {agency} needs the role steward for it.")

    def _done(
        self, request: Request, connection: psycopg.Connection, user: User,
        decision: decisions.Decision, fields: dict,
    ) -> Response:  # fmt: skip
        users.log(connection, user.name, decision.kind, f"decision {decision.disposition_id}")
        connection.commit()
        return self._back(request, fields.get("back", "/"), decision.sentence)

    # --- doubtful links ----------------------------------------------------------------

    def linkage(self, request: Request, connection: psycopg.Connection, user: User) -> Response:
        if not (user.may("linkage") or user.may("steward")):
            raise _Refused("Reviewing links needs the role linkage.")
        from orchestration import linkage

        items = linkage.review_queue(self.settings, limit=None)
        return self._show(
            request, "linkage.html", user, items=items[:MOST_REVIEWED], total=len(items),
            decisions=linkage.decisions(self.settings), may_decide=user.may("linkage"),
            may_approve=user.may("approver"), may_see=user.may("identified"),
        )  # fmt: skip

    def records(self, request: Request, connection: psycopg.Connection, user: User) -> Response:
        if not user.may("identified"):
            raise _Refused("Records of people are for users with the role identified.")
        item = self._item(request.path_params["item"])
        users.log(connection, user.name, "saw records of a link", f"item {item['item_id']}")
        connection.commit()
        return self._show(
            request, "records.html", user, item=item, may_decide=user.may("linkage"),
            sides=reading.identity(connection, item["left"][1:], item["right"][1:]),
        )  # fmt: skip

    def link(
        self, request: Request, connection: psycopg.Connection, user: User, fields: dict
    ) -> Response:
        from orchestration import linkage

        if not user.may("linkage"):
            raise _Refused("Deciding on links needs the role linkage.")
        item = self._item(fields.get("item", ""))
        kind = fields.get("kind", "")
        made = linkage.decide(
            self.settings, kind, item["left"][1:], item["right"][1:],
            reason=fields.get("reason", ""), steward=user.name,
        )  # fmt: skip
        users.log(connection, user.name, kind, f"link decision {made['override_id']}")
        connection.commit()
        what = (
            f"waits for a second person: {' '.join(made['why'])}"
            if made["needs_approval"]
            else "is entered; the next run obeys it."
        )
        return self._back(request, "/linkage", f"Decision {made['override_id']} {what}")

    def answer_link(
        self, request: Request, connection: psycopg.Connection, user: User, fields: dict
    ) -> Response:
        from orchestration import linkage

        override = request.path_params["number"]
        if fields.get("action") == "withdraw":
            if not user.may("linkage"):
                raise _Refused("Taking back a decision on links needs the role linkage.")
            linkage.withdraw(
                self.settings, override, steward=user.name, reason=fields.get("reason", "")
            )
            text = f"Decision {override} is taken back; the next run looks at the pair afresh."
        else:
            if not user.may("approver"):
                raise _Refused("Approving needs the role approver.")
            linkage.approve(self.settings, override, approver=user.name)
            text = f"Decision {override} is approved; the next run obeys it."
        users.log(connection, user.name, fields.get("action", ""), f"link decision {override}")
        connection.commit()
        return self._back(request, "/linkage", text)

    def _item(self, item_id: str) -> dict[str, Any]:
        from orchestration import linkage

        waiting = linkage.review_queue(self.settings, limit=None)
        item = next((i for i in waiting if str(i["item_id"]) == item_id), None)
        if item is None:
            raise UsageError("This pair no longer waits for a decision; see the list again.")
        return item
