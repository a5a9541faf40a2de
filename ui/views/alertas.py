"""Alerts: live, filtered, sorted; one of them in full, to be confirmed or dismissed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

from adapters.catalogue import deferred
from ui import charts, links, pieces, reading, words
from ui.client import Answer, Trouble
from ui.words import say

PAGE, MOST = 25, 500
"""How many alerts are shown at first and added by a click, and how many the API gives at once."""
EVERY = "5s"
"""How often the list is read again while it is live."""

MORE = ("severity", "empresa", "subpartida", "puerto", "min_score", "since")
SORTS = {"time": deferred("Newest first"), "score": deferred("Strangest first")}


def filters() -> dict[str, Any]:
    """What the reader wants to see, kept in the address."""
    asked = st.query_params
    first, second, third = st.columns([2, 2, 2], vertical_alignment="bottom")
    with first:
        wanted: dict[str, Any] = {"dataset": pieces.dataset_choice("of", every=True)}
    with second:
        wanted["sort"] = st.segmented_control(
            say("Order"),
            list(SORTS),
            default=pieces.among("sort", list(SORTS), "time"),
            format_func=lambda name: say(SORTS[name]),
            required=True,
            key="sort",
        )
    with third:
        wanted["status"] = st.segmented_control(
            say("Status"),
            list(pieces.STATUS_NAMES),
            default=pieces.among("status", [None, *pieces.STATUS_NAMES], None),
            format_func=lambda name: say(pieces.STATUS_NAMES[name]),
            key="status",
        )
    narrowed = any(asked.get(name) for name in MORE)
    with st.expander(say("More filters"), expanded=narrowed, icon=":material/filter_alt:"):
        wanted |= _more()
    for name in ("sort", "status", *MORE):
        pieces.remember(name, _written(wanted[name]) if (name, wanted[name]) != ("sort", "time") else None)
    if since := wanted["since"]:
        wanted["since"] = datetime.combine(since, time(), ZoneInfo(reading.settings().timezone)).astimezone(UTC).isoformat()
    if wanted["subpartida"] and not (wanted["subpartida"].isdecimal() and len(wanted["subpartida"]) >= 2):
        st.warning(say("A tariff code has digits only, two at least."), icon=":material/warning:")
        wanted["subpartida"] = ""
    return {name: value for name, value in wanted.items() if value}


def _more() -> dict[str, Any]:
    asked = st.query_params
    columns = st.columns(3)
    try:
        least, since = float(asked.get("min_score", 0)), date.fromisoformat(asked["since"]) if "since" in asked else None
    except ValueError:
        least, since = 0.0, None
    return {
        "severity": columns[0].multiselect(
            say("Severity"),
            list(pieces.SEVERITY_NAMES),
            [name for name in asked.get_all("severity") if name in pieces.SEVERITY_NAMES],
            format_func=lambda name: say(pieces.SEVERITY_NAMES[name]),
            placeholder=say("Any"),
            key="severity",
        ),
        "empresa": columns[1]
        .text_input(say("Company"), asked.get("empresa", "")[:64], max_chars=64, help=say("Exactly as it is declared."), key="empresa")
        .strip(),
        "subpartida": columns[2]
        .text_input(say("Tariff code, or its first digits"), asked.get("subpartida", "")[:10], max_chars=10, key="subpartida")
        .strip(),
        "puerto": columns[0].text_input(say("Port"), asked.get("puerto", "")[:64], max_chars=64, key="puerto").strip().upper(),
        "min_score": columns[1].number_input(say("Score from"), 0.0, 10.0, min(max(least, 0.0), 10.0), 0.5, key="min_score") or None,
        "since": columns[2].date_input(say("Since"), since, format="YYYY-MM-DD", key="since"),
    }


def _written(value: Any) -> str | list[str] | None:
    """A filter as the address holds it."""
    return value if isinstance(value, list) else str(value) if value else None


def listed(wanted: dict[str, Any]) -> None:
    """The list, read again by itself while it is live."""
    live = st.toggle(say("Live"), value=True, help=say("Reads the list again every few seconds."), key="live")
    st.fragment(run_every=EVERY if live else None)(_rows)(wanted)


@pieces.guarded
def _rows(wanted: dict[str, Any]) -> None:
    many = st.session_state.get("alerts_shown", PAGE)
    alerts, following = read(wanted, many)
    if not alerts:
        pieces.nothing(say("No alert is like this. With fewer filters, or when more declarations have come, there may be some."))
        return
    with st.container(gap="xsmall"):
        for alert in alerts:
            _row(alert)
    if following:
        more = {"alerts_shown": many + PAGE}
        st.button(say("Show more"), icon=":material/expand_more:", on_click=st.session_state.update, args=(more,))


def read(wanted: dict[str, Any], many: int) -> tuple[list[Answer], str | None]:
    """So many alerts from the beginning, over as many pages as it takes, and whether there are more."""
    asked = {**wanted, "severity": tuple(wanted.get("severity", ()))}
    alerts: list[Answer] = []
    following: str | None = None
    while len(alerts) < many:
        page = reading.lately("alerts", limit=min(many - len(alerts), MOST), cursor=following, **asked)
        alerts, following = [*alerts, *page["alerts"]], page["next"]
        if not following:
            break
    return alerts, following


def _row(alert: Answer) -> None:
    with st.container(border=True, key=f"alert-{alert['event_id']}"):
        what, who, where, action = st.columns([2.2, 3, 4, 1.4], vertical_alignment="center", gap="small")
        judged = f" {pieces.status(alert['status'])}" if alert["status"] != "open" else ""
        _two_lines(what, f"**{words.decimal(alert['score'])}** {pieces.severity(alert['severity'])}{judged}", words.ago(alert["scored_at"]))
        _two_lines(who, f"**{pieces.plain(alert['empresa'])}**", pieces.plain(alert["declaration_id"]))
        amounts = [
            words.amount(alert[name], unit) for name, unit in (("valor_fob_usd", "USD"), ("peso_neto_kg", "kg")) if alert[name] is not None
        ]
        below = " · ".join(pieces.plain(text) for text in amounts) or "—"
        _two_lines(where, f"{alert['subpartida']} · {pieces.plain(alert['puerto'])}", below)
        if action.button(say("Open it"), key=f"open-{alert['event_id']}", width="stretch"):
            st.query_params["event_id"] = alert["event_id"]
            st.rerun()


def _two_lines(column: Any, above: str, below: str) -> None:
    column.markdown(f"{above}  \n:gray[:small[{below}]]")


def opened(event_id: str) -> None:
    """One alert in full."""
    if st.button(say("Back to the list"), icon=":material/arrow_back:"):
        del st.query_params["event_id"]
        st.rerun()
    alert = reading.lately("alert", event_id)
    dataset = alert["dataset"]
    st.title(say("Alert on %(empresa)s", empresa=pieces.plain(alert["empresa"])), anchor=False)
    when = words.moment(alert["scored_at"], reading.settings().timezone)
    about = (pieces.plain(alert["declaration_id"]), alert["subpartida"], pieces.plain(alert["puerto"]), when)
    st.markdown(f"{pieces.status(alert['status'])} {' · '.join(about)}")
    if alert["description"]:
        st.caption(pieces.plain(alert["description"]))
    pieces.verdict(alert)
    with st.container(horizontal=True):
        if st.button(say("Interpretability"), icon=":material/insights:"):
            st.switch_page("views/interpretabilidad.py", query_params={"event_id": event_id, "dataset": dataset})
        if st.button(say("Graph"), icon=":material/hub:"):
            st.switch_page("views/grafo.py", query_params={"kind": "empresa", "name": alert["empresa"]})
        st.link_button(say("In Neo4j Browser"), links.anomaly(event_id), icon=":material/open_in_new:")
        st.link_button(say("The company in Neo4j Browser"), links.company(alert["empresa"]), icon=":material/open_in_new:")
    left, right = st.columns([3, 2], gap="large")
    try:
        found = reading.a_while("alert_explanation", event_id)
        with left:
            st.header(say("Why it is strange"), anchor=False)
            pieces.reasons(found)
            pieces.remedy(found)
        with right:
            st.header(say("Declared and expected"), anchor=False)
            pieces.expectations(found)
    except Trouble as error:
        with left:
            pieces.trouble(error, "explanation")
    _judged(alert)
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.header(say("The declaration"), anchor=False)
        pieces.declaration(dataset, alert["declaration"])
    with right:
        pieces.guarded(_history)(alert)


def _judged(alert: Answer) -> None:
    st.header(say("What analysts say"), anchor=False)
    with st.container(border=True):
        for said in alert["feedback"]:
            told = say(
                "%(who)s, %(when)s",
                who=pieces.plain(said["who"]),
                when=words.moment(said["given_at"], reading.settings().timezone),
            )
            st.markdown(f"{pieces.status(said['verdict'])} {told}" + (f": {pieces.plain(said['note'])}" if said["note"] else ""))
        with st.form(f"judge-{alert['event_id']}", border=False):
            who, note = st.columns([1, 3])
            name = who.text_input(say("Who judges"), st.session_state.get("who", ""), max_chars=64)
            text = note.text_input(say("Note"), max_chars=2_000, placeholder=say("What was found, and where"))
            with st.container(horizontal=True):
                confirmed = st.form_submit_button(say("Confirm the anomaly"), icon=":material/flag:", type="primary")
                dismissed = st.form_submit_button(say("Dismiss it"), icon=":material/do_not_disturb_on:")
        if confirmed or dismissed:
            if not name.strip() and reading.a_while("me")["name"] is None:
                st.warning(say("Say who you are: an alert is judged by somebody."), icon=":material/person:")
                return
            st.session_state["who"] = name.strip()
            try:
                reading.api().judge(alert["event_id"], "confirmed" if confirmed else "dismissed", text.strip(), name.strip())
            except Trouble as error:
                pieces.trouble(error, "judge")
                return
            reading.forget()
            st.toast(say("Stored: the graph and whoever follows the topic get it in a moment."), icon=":material/check:")
            st.rerun()


def _history(alert: Answer) -> None:
    st.header(say("History of the company"), anchor=False)
    found = reading.lately("history", alert["empresa"], alert["dataset"])
    st.markdown(
        say(
            "Declarations: %(declarations)s. Alerts: %(alerts)s. The first on %(first)s.",
            declarations=words.whole(found["declarations"]),
            alerts=words.whole(found["alerts"]),
            first=words.moment(found["first"], reading.settings().timezone) if found["first"] else "—",
        )
    )
    if found["months"]:
        months = [{**each, "month": words.month(each["month"])} for each in found["months"]]
        st.altair_chart(charts.months(months), alt=say("Declarations and alerts of the company by month"))
    st.dataframe(
        [
            {
                say("Date"): words.day(each["fecha"]) if each["fecha"] else "—",
                say("Declaration"): each["declaration_id"],
                say("Tariff code"): each["subpartida"],
                say("Port"): each["puerto"],
                say("FOB value"): words.value(each["valor_fob_usd"], "USD"),
                say("Score"): words.decimal(each["score"]),
                say("Alert"): "▲" if each["anomaly"] else "",
            }
            for each in found["recent"]
        ],
        hide_index=True,
        height=300,
        alt=say("The latest declarations of the company"),
    )


if event := st.query_params.get("event_id"):
    pieces.guarded(opened)(event)
else:
    st.title(say("Alerts"), anchor=False)
    pieces.guarded(lambda: listed(filters()))()
