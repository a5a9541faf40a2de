"""Models: versions, their figures, what the gate and the analysts said of them, drift, and a retraining on demand."""

from __future__ import annotations

import streamlit as st

from adapters.catalogue import deferred
from ui import charts, links, pieces, reading, told, words
from ui.client import Answer
from ui.words import say

MEASURES = {"gate_average_precision": deferred("Average precision"), "gate_roc_auc": deferred("ROC-AUC")}
RATES = {"gate_alert_rate": deferred("Alerts among untouched declarations")}
SHOWN = 10
"""How many signals of the watch are drawn: those that are nearest to their limits."""
STATES = {
    "SCHEDULED": deferred("waiting for its turn"),
    "PENDING": deferred("starting"),
    "RUNNING": deferred("running"),
    "COMPLETED": deferred("ended"),
    "FAILED": deferred("failed"),
    "CANCELLED": deferred("cancelled"),
    "CRASHED": deferred("broken off"),
}
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")
EVERY = "2s"


def current(dataset: str) -> None:
    """The model in production."""
    model = reading.lately("model", dataset)
    if model["version"] is None:
        st.warning(say("There is no model in production: the first one is trained when Vigía starts, or start a retraining."))
        return
    pieces.figures(
        (say("Version in production"), model["version"], None),
        (say("In production for"), words.passed(model["since"]) if model["since"] else "—", None),
        (say("Rows it learned from"), words.whole(model["trained_rows"]) if model["trained_rows"] else "—", None),
        (say("Threshold of an alert"), words.decimal(model["threshold"], 1) if model["threshold"] is not None else "—", None),
    )
    if model["problem"]:
        st.caption(f":material/warning: {say('The API says')}: {pieces.plain(model['problem'])}")
    with st.container(horizontal=True):
        st.link_button(say("In MLflow"), links.version(model["name"], model["version"]), icon=":material/open_in_new:")
    if model["card"]:
        with st.expander(say("Model card"), icon=":material/description:"):
            st.markdown(model["card"])


def versions(dataset: str) -> None:
    """All versions, their figures, and the gate's reasons."""
    found = reading.lately("versions", dataset)
    if not found:
        pieces.nothing(say("No version was trained yet."))
        return
    rows = [
        {
            say("Version"): each["version"],
            say("Made"): words.moment(each["created_at"], reading.settings().timezone),
            say("In production"): "✓" if each["in_production"] else "",
            say("Gate"): (say("promote") if each["gate"]["promote"] else say("keep back")) if each["gate"] else "—",
            **{say(title): measure(each, name, 3) for name, title in MEASURES.items()},
            say("Confirmed alerts"): words.whole(each["feedback"]["confirmed"]),
            say("Dismissed alerts"): words.whole(each["feedback"]["dismissed"]),
            say("Real precision"): precision(each["feedback"]),
        }
        for each in found
    ]
    st.dataframe(rows, hide_index=True, alt=say("The versions of the model"))
    st.caption(say("Real precision: the share of confirmed ones among the alerts that analysts judged."))
    left, right = st.columns(2)
    for column, measures, form in ((left, MEASURES, ".3f"), (right, RATES, ".2%")):
        points = [
            {"version": each["version"], "value": each["metrics"][name], "measure": say(title)}
            for each in reversed(found)
            for name, title in measures.items()
            if name in each["metrics"]
        ]
        if points:
            with column:
                st.altair_chart(charts.over_versions(points, form), alt=say("Figures over the versions"))
    st.header(say("What the gate said"), anchor=False)
    for each in [each for each in found if each["gate"]][:5]:
        gate = each["gate"]
        mark = f":green-badge[{say('promote')}]" if gate["promote"] else f":gray-badge[{say('keep back')}]"
        against = say("beside version %(champion)s", champion=gate["champion"]) if gate["champion"] else say("the first")
        with st.expander(f"{say('Version %(version)s', version=each['version'])} {mark} {against}"):
            st.markdown("\n".join(f"- {pieces.plain(told.reason(reason))}" for reason in gate["reasons"]))


def measure(version: Answer, name: str, places: int) -> str:
    """One of a version's figures, if it has it."""
    held = version["metrics"].get(name)
    return words.decimal(held, places) if held is not None else "—"


def precision(judged: Answer) -> str:
    """The share of confirmed alerts among those that were judged."""
    total = judged["confirmed"] + judged["dismissed"]
    return words.percent(judged["confirmed"] / total, 0) if total else "—"


def drift(dataset: str) -> None:
    """What the watch found."""
    reports = reading.lately("drift", dataset)
    if not reports:
        pieces.nothing(say("The watch has not compared anything yet: it looks every ten minutes, once there are enough declarations."))
        return
    last = reports[0]
    when = words.moment(last["created_at"], reading.settings().timezone)
    if last["drifted"]:
        st.warning(say("The trade has moved, the watch found on %(when)s.", when=when), icon=":material/trending_up:")
    else:
        st.success(say("As usual, the watch found on %(when)s.", when=when), icon=":material/check_circle:")
    rows = [
        {
            "label": told.signal(dataset, signal),
            "text": say(
                "%(value)s of %(limit)s", value=told.measured(signal, signal["value"]), limit=told.measured(signal, signal["limit"])
            ),
            "share": signal["value"] / signal["limit"] if signal["limit"] else 0.0,
            "drifted": signal["drifted"],
        }
        for signal in last["signals"]
    ]
    rows.sort(key=lambda row: -row["share"])
    shown, rest = rows[:SHOWN], rows[SHOWN:]
    st.caption(say("How near each signal is to its limit, the dashed line. Orange is past it."))
    if shown:
        st.altair_chart(charts.signals(shown), alt=say("Signals of the watch beside their limits"))
    if rest:
        with st.expander(say("The other signals (%(many)s)", many=words.whole(len(rest)))):
            st.dataframe([{say("Signal"): row["label"], say("Value and limit"): row["text"]} for row in rest], hide_index=True)
    with st.expander(say("Earlier reports")):
        st.dataframe(
            [
                {
                    say("When"): words.moment(each["created_at"], reading.settings().timezone),
                    say("Version"): each["version"],
                    say("Declarations"): words.whole(each["verdicts"]),
                    say("Drifted"): say("yes") if each["drifted"] else "—",
                    say("Asked for a retraining"): say("yes") if each["triggered"] else "—",
                }
                for each in reports
            ],
            hide_index=True,
        )


def retraining(dataset: str) -> None:
    """Starts a retraining, and follows the last one that was started here."""
    key = f"run-{dataset}"
    st.markdown(
        say(
            "A retraining learns from the declarations of the last months, is judged beside the model in production, "
            "and replaces it only if it is better."
        )
    )
    # Not a dialog: on a phone, and to those who hear the page, the question comes where the button was.
    asking = f"asking-{dataset}"
    if st.session_state.get(asking):
        pieces.guarded(_asked)(dataset, key, asking)
    else:
        st.button(say("Start a retraining"), icon=":material/model_training:", on_click=st.session_state.update, args=({asking: True},))
    if run_id := st.session_state.get(key) or st.query_params.get("run"):
        pieces.remember("run", run_id)
        ended = st.session_state.get("ended") == run_id
        st.fragment(run_every=None if ended else EVERY)(progress)(run_id)


def _asked(dataset: str, key: str, asking: str) -> None:
    with st.container(border=True):
        st.markdown(say("It takes some minutes and a processor. Start it?"))
        with st.container(horizontal=True):
            agreed = st.button(say("Yes, start it"), type="primary")
            st.button(say("No, leave it"), on_click=st.session_state.pop, args=(asking,))
        if agreed:
            st.session_state[key] = reading.api().retrain(dataset)["run_id"]
            del st.session_state[asking]
            st.rerun()


@pieces.guarded
def progress(run_id: str) -> None:
    """How far a retraining is."""
    run = reading.api().run(run_id)
    state = {"COMPLETED": "complete", "FAILED": "error", "CRASHED": "error", "CANCELLED": "error"}.get(run["state"], "running")
    done = sum(step["state"] == "Completed" for step in run["steps"])
    now = say(STATES[run["state"]]) if run["state"] in STATES else run["state"]
    if run["state_name"].upper() != run["state"]:
        now += f" ({run['state_name']})"  # how a retraining ended: Promoted, or Candidate
    label = say("%(name)s: %(state)s, %(done)s steps done", name=run["name"], state=now, done=done)
    box = st.status(label, state=state, expanded=True)  # type: ignore[arg-type]  # one of its states
    for step in run["steps"]:
        mark = {"Completed": "✓", "Running": "…", "Failed": "✗"}.get(step["state"], "·")
        box.markdown(f"{mark} {pieces.plain(step['name'])}")
    if run["message"]:
        box.markdown(pieces.plain(run["message"]))
    box.link_button(say("In Prefect"), links.flow_run(run_id), icon=":material/open_in_new:")
    if run["state"] in ENDED and st.session_state.get("ended") != run_id:
        st.session_state["ended"] = run_id
        reading.forget()
        st.rerun()


@pieces.guarded
def page() -> None:
    """The page."""
    st.title(say("Models"), anchor=False)
    dataset = pieces.dataset_choice("of")
    if dataset is None:
        return
    pieces.guarded(current)(dataset)
    names = [say("Versions and gate"), say("Drift"), say("Retraining")]
    for tab, part in zip(st.tabs(names), (versions, drift, retraining), strict=True):
        with tab:
            pieces.guarded(part)(dataset)


page()
