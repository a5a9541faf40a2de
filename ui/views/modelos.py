"""Models: versions, their figures, what the gate and the analysts said of them, drift, and a retraining on demand."""

from __future__ import annotations

import streamlit as st

from adapters.catalogue import deferred
from ui import charts, links, pieces, reading, words
from ui.client import Answer
from ui.words import say

MEASURES = {"gate_average_precision": deferred("Average precision"), "gate_roc_auc": deferred("ROC-AUC")}
RATES = {"gate_alert_rate": deferred("Alerts among untouched declarations")}
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")
EVERY = "2s"


def current(dataset: str) -> None:
    """The model in production."""
    model = reading.lately("model", dataset)
    if model["version"] is None:
        st.warning(say("There is no model in production: the first one is trained when Vigía starts, or start a retraining."))
        return
    figures = st.columns(4)
    figures[0].metric(say("Version in production"), model["version"])
    figures[1].metric(say("In production for"), words.passed(model["since"]) if model["since"] else "—")
    figures[2].metric(say("Rows it learned from"), words.whole(model["trained_rows"]) if model["trained_rows"] else "—")
    figures[3].metric(say("Threshold of an alert"), words.decimal(model["threshold"], 1))
    if model["problem"]:
        st.caption(f":material/warning: {say('The API says')}: {model['problem']}")
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
            say("In production"): each["in_production"],
            say("Gate"): {True: say("promote"), False: say("keep back")}.get(each["gate"]["promote"], "") if each["gate"] else "—",
            say("Average precision"): each["metrics"].get("gate_average_precision"),
            say("ROC-AUC"): each["metrics"].get("gate_roc_auc"),
            say("Confirmed alerts"): each["feedback"]["confirmed"],
            say("Dismissed alerts"): each["feedback"]["dismissed"],
            say("Real precision"): precision(each["feedback"]),
        }
        for each in found
    ]
    three = st.column_config.NumberColumn(format="%.3f")
    st.dataframe(rows, hide_index=True, column_config={say("Average precision"): three, say("ROC-AUC"): three})
    st.caption(say("Real precision: the share of confirmed ones among the alerts that analysts judged."))
    left, right = st.columns(2)
    for column, measures in ((left, MEASURES), (right, RATES)):
        points = [
            {"version": each["version"], "value": each["metrics"][name], "measure": say(title)}
            for each in reversed(found)
            for name, title in measures.items()
            if name in each["metrics"]
        ]
        if points:
            with column:
                st.altair_chart(charts.over_versions(points, ""), alt=say("Figures over the versions"))
    st.subheader(say("What the gate said"), anchor=False)
    for each in [each for each in found if each["gate"]][:5]:
        gate = each["gate"]
        mark = f":green-badge[{say('promote')}]" if gate["promote"] else f":gray-badge[{say('keep back')}]"
        against = say("beside version %(champion)s", champion=gate["champion"]) if gate["champion"] else say("the first")
        with st.expander(f"{say('Version %(version)s', version=each['version'])} {mark} {against}"):
            st.markdown("\n".join(f"- {pieces.plain(reason)}" for reason in gate["reasons"]))


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
    st.dataframe(
        [{key: value for key, value in signal.items() if not isinstance(value, dict | list)} for signal in last["signals"]], hide_index=True
    )
    with st.expander(say("Earlier reports")):
        st.dataframe(
            [
                {
                    say("When"): words.moment(each["created_at"], reading.settings().timezone),
                    say("Version"): each["version"],
                    say("Declarations"): each["verdicts"],
                    say("Drifted"): each["drifted"],
                    say("Asked for a retraining"): each["triggered"],
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
    if st.button(say("Start a retraining"), icon=":material/model_training:"):
        st.dialog(say("Start a retraining"))(pieces.guarded(_asked))(dataset, key)
    if run_id := st.session_state.get(key):
        progress(run_id)


def _asked(dataset: str, key: str) -> None:
    st.markdown(say("It takes some minutes and a processor. Start it?"))
    if st.button(say("Yes, start it"), type="primary"):
        st.session_state[key] = reading.api().retrain(dataset)["run_id"]
        st.rerun()


@st.fragment(run_every=EVERY)
@pieces.guarded
def progress(run_id: str) -> None:
    """How far a retraining is."""
    run = reading.api().run(run_id)
    state = {"COMPLETED": "complete", "FAILED": "error", "CRASHED": "error", "CANCELLED": "error"}.get(run["state"], "running")
    done = sum(step["state"] == "Completed" for step in run["steps"])
    label = say("%(name)s: %(state)s, %(done)s steps done", name=run["name"], state=run["state_name"], done=done)
    told = st.status(label, state=state, expanded=True)  # type: ignore[arg-type]  # one of its states
    for step in run["steps"]:
        mark = {"Completed": "✓", "Running": "…", "Failed": "✗"}.get(step["state"], "·")
        told.markdown(f"{mark} {pieces.plain(step['name'])}")
    if run["message"]:
        told.markdown(pieces.plain(run["message"]))
    told.link_button(say("In Prefect"), links.flow_run(run_id), icon=":material/open_in_new:")
    if run["state"] in ENDED and st.session_state.get("ended") != run_id:
        st.session_state["ended"] = run_id
        reading.forget()


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
