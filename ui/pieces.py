"""Pieces that several pages are made of: what is shown while something is wrong, a verdict, its reasons, its declaration."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import streamlit as st

from adapters.catalogue import deferred
from ui import charts, reading, shapley, words
from ui.client import Answer, Trouble
from ui.words import say

P = ParamSpec("P")
T = TypeVar("T")
log = logging.getLogger(__name__)

SEVERITY_NAMES = {"low": deferred("Low"), "medium": deferred("Medium"), "high": deferred("High"), "critical": deferred("Critical")}
STATUS_NAMES = {"open": deferred("Open"), "confirmed": deferred("Confirmed"), "dismissed": deferred("Dismissed")}
SHOWN_PROBABILITY = 0.005
ASK_OTHERWISE = (404, 413, 415, 422)
"""What is answered so stays so, however often it is asked."""


def guarded(page: Callable[P, None]) -> Callable[P, None]:
    """A page, or a fragment of one, that says in words what is wrong instead of breaking off."""

    @wraps(page)
    def shown(*arguments: P.args, **named: P.kwargs) -> None:
        try:
            page(*arguments, **named)
        except Trouble as error:
            trouble(error, "-".join((page.__qualname__, *(each for each in arguments if isinstance(each, str)))))
        except Exception:
            log.exception("%s failed", page.__qualname__)
            failed()

    return shown


def failed() -> None:
    """Where the screen itself has a fault: in words, and never with a stack trace."""
    st.error(
        say("This part of the page failed. The log of the screen has the details; the other parts still work."), icon=":material/error:"
    )


def trouble(error: Trouble, where: str) -> None:
    """What is wrong and what to do, with a button to try again where that can help. `where` tells the buttons of a page apart."""
    title, advice = {
        "api_down": (say("The API does not answer"), say("Start everything with `make run`, or look at what is down with `vigia status`.")),
        "api_slow": (say("The API takes too long"), say("It may be busy: try again in a moment, or ask for a shorter period.")),
        "api_odd": (say("Something other than the API answered"), say("See whether API_URL is the address of Vigía's API.")),
        "key_needed": (say("The API asks for a key"), say("Whoever runs Vigía sets it as UI_API_KEY.")),
        "unknown_key": (say("The API does not know this screen's key"), say("Whoever runs Vigía sets the right one as UI_API_KEY.")),
        "no_model": (say("There is no model yet"), say("The first one is trained when Vigía starts: this takes some minutes. See Models.")),
    }.get(error.code, (error.title, ""))
    with st.container(border=True):
        st.header(title or say("Something went wrong"), anchor=False)
        if error.detail and error.code not in ("api_down", "api_slow"):
            st.write(_sentence(error.detail))
        if advice:
            st.write(advice)
        st.caption(f"`{reading.settings().api_url}` · `{error.code}`")
        if error.status in ASK_OTHERWISE:
            return
        if st.button(say("Try again"), key=f"again-{where}", icon=":material/refresh:"):
            reading.forget()
            st.rerun()


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def dataset_choice(key: str, every: bool = False) -> str | None:
    """A choice among the datasets, kept in the address."""
    specs = reading.specs()
    options: list[str | None] = [None, *specs] if every else list(specs)
    index = options.index(among("dataset", options, options[0]))
    chosen = st.selectbox(
        say("Dataset"), options, index, key=key, format_func=lambda name: say(specs[name]["title"]) if name else say("All datasets")
    )
    remember("dataset", chosen)
    return chosen


def remember(name: str, value: str | Sequence[str] | None) -> None:
    """Keeps something in the address of the page, so that it can be sent to somebody."""
    if value:
        st.query_params[name] = value if isinstance(value, str) else list(value)
    else:
        st.query_params.pop(name, None)


def among(name: str, options: Sequence[T], otherwise: T) -> T:
    """What the address of the page says, if it is one of these."""
    asked = st.query_params.get(name)
    return next((each for each in options if str(each) == asked), otherwise)


def severity(name: str | None) -> str:
    """A severity as a badge, in Markdown."""
    if name is None:
        return f":green-badge[:material/check: {say('Normal')}]"
    color, icon = {"low": ("gray", "info"), "medium": ("orange", "warning"), "high": ("orange", "warning"), "critical": ("red", "error")}[
        name
    ]
    return f":{color}-badge[:material/{icon}: {say(SEVERITY_NAMES[name])}]"


def status(name: str) -> str:
    """What analysts said of an alert, as a badge."""
    color, icon = {"open": ("blue", "pending"), "confirmed": ("red", "flag"), "dismissed": ("gray", "do_not_disturb_on")}[name]
    return f":{color}-badge[:material/{icon}: {say(STATUS_NAMES[name])}]"


def plain(text: str) -> str:
    """Text of a declaration inside Markdown: as it is, whatever signs it holds."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]()<>#+-.!|~$:&\"'" else sign for sign in text)


def verdict(found: Answer) -> None:
    """A score in figures and in words."""
    left, right = st.columns([1, 3], vertical_alignment="center")
    left.metric(
        say("Score"),
        words.decimal(found["score"]),
        help=say("Minus the decimal logarithm of how rare this is: 2 is one in 100, 3 one in 1,000."),
    )
    with right:
        st.markdown(severity(found["severity"]))
        st.markdown(
            f"{_sentence(words.rarity(found['score']))} "
            + say("The threshold of an alert is %(threshold)s.", threshold=words.decimal(found["threshold"], 1))
        )
        st.caption(say("Model %(name)s, version %(version)s", **found["model"]))


def reasons(found: Answer) -> None:
    """The contributions as a waterfall, and as a table for whoever reads better so."""
    dataset = found["dataset"]
    rows = [
        {
            "label": f"{reading.title(dataset, each['field'])}: {words.value(each['value'], reading.unit(dataset, each['field']))}",
            "contribution": each["contribution"],
        }
        for each in found["contributions"]
    ]
    if not rows:
        st.info(say("The model knows none of the values of this declaration, so it can blame no field."))
        return
    st.altair_chart(
        shapley.waterfall(rows, found["base_value"], found["error"]),
        alt=say("Contributions, the largest first: ") + "; ".join(f"{row['label']} {words.signed(row['contribution'])}" for row in rows),
    )
    st.caption(say("Orange makes the declaration stranger, blue more usual; together they are the error, the dark bar."))


def expectations(found: Answer, most: int = 6) -> None:
    """What was declared beside what would have been normal, for the fields that contribute most."""
    st.html(
        f"<p style='margin:0'><span style='color:{charts.STRANGER}'>◆</span> {say('declared')} · "
        f"<span style='color:{charts.USUAL}'>●</span> {say('expected')} · "
        f"<span style='background:{charts.PALE}'>&emsp;</span> {say('normal range')}</p>"
    )
    for each in found["contributions"][:most]:
        with st.container(gap="xxsmall"):
            _expectation(found["dataset"], each)


def _expectation(dataset: str, each: Answer) -> None:
    unit, expected = reading.unit(dataset, each["field"]), each["expected"]
    held = words.value(each["value"], unit)
    st.markdown(f"**{reading.title(dataset, each['field'])}**: {plain(held)}")
    if "values" not in expected:
        shown = {name: words.amount(expected[name], unit) for name in ("value", "low", "high")}
        told = say("Expected: %(value)s; normal from %(low)s to %(high)s.", **shown)
        if each["value"] is not None:
            st.altair_chart(shapley.expectation(expected, each["value"]), alt=f"{say('declared')}: {held}. {told}")
        st.caption(plain(told))
        return
    likely = [value for value in expected["values"] if value["probability"] >= SHOWN_PROBABILITY]
    if not likely:
        st.caption(say("The model expects nothing in particular."))
        return
    rows = [
        {
            "label": ("◆ " if value["value"] == each["value"] else "") + str(value["value"]),
            "probability": value["probability"],
            "declared": value["value"] == each["value"],
        }
        for value in likely
    ]
    told = "; ".join(f"{value['value']} {words.percent(value['probability'], 0)}" for value in likely)
    st.altair_chart(shapley.likely(rows), alt=f"{say('declared')}: {held}. {say('expected')}: {told}")


def remedy(found: Answer) -> None:
    """What change would make it normal."""
    change = found["normal_with"]
    if change is None:
        return
    dataset = found["dataset"]
    told = [
        say(
            "%(field)s: %(to)s instead of %(was)s",
            field=f"**{reading.title(dataset, each['field'])}**",
            to=plain(words.value(each["to"], reading.unit(dataset, each["field"]))),
            was=plain(words.value(each["from"], reading.unit(dataset, each["field"]))),
        )
        for each in change["changes"]
    ]
    lead = say("It would be normal with") if change["normal"] else say("Nothing makes it normal; the closest is")
    st.info(f"{lead} {'; '.join(told)}. " + say("Score %(score)s.", score=words.decimal(change["score"])), icon=":material/lightbulb:")


def declaration(dataset: str, held: Answer) -> None:
    """A declaration as a table of its fields; a table reads Markdown, which a declaration is not to be taken for."""
    known = reading.fields(dataset)
    rows = [
        (words.say(field["title"]), words.value(held[name], field["unit"])) for name, field in known.items() if held.get(name) is not None
    ]
    rows += [(plain(name), _short(str(text))) for name, text in held.items() if name not in known]
    st.table([{say("Field"): title, say("Declared"): plain(text)} for title, text in rows])


def figures(*shown: tuple[str, str, str | None]) -> None:
    """Figures beside each other, as many as there is room for: what, how much, and what that means."""
    with st.container(horizontal=True, gap="medium"):
        for what, much, meaning in shown:
            st.metric(what, much, help=meaning, width="content")


def nothing(message: str) -> None:
    """Where there is nothing to show."""
    st.info(message, icon=":material/inbox:")


def as_table(rows: Sequence[dict[str, Any]]) -> None:
    """A picture's figures, for those who read them better so."""
    with st.expander(say("As a table")):
        st.dataframe(list(rows), hide_index=True)


def _short(text: str) -> str:
    return text if len(text) <= 34 else f"{text[:33]}…"
