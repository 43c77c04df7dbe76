"""Home: every lesson as a card, with a picture that the lesson's own figure drew."""

import streamlit as st

from cnnviz.lessons import ASSETS, LESSONS, ROOT
from cnnviz.ui.language import _

st.title(_("See how convolutional networks see"), anchor=False)
st.markdown(
    _(
        "Move a slider, point at a cell, bring your own photo. Every number is proved on the spot, "
        "and every state has a link and a notebook."
    )
)

mode = st.context.theme.type or "light"
for section in dict.fromkeys(lesson.section for lesson in LESSONS):
    st.subheader(_(section), anchor=False)
    with st.grid(min_column_width=210):
        for lesson in (entry for entry in LESSONS if entry.section == section):
            with st.container(border=True, height="stretch"):
                picture = ASSETS / "cards" / f"{lesson.id}-{mode}.png"
                st.image(
                    str(picture),
                    width="stretch",
                    alt=_("A picture from the lesson: {title}").format(title=_(lesson.title)),
                )
                st.page_link(
                    str(ROOT / lesson.page), label=f"**{_(lesson.title)}**", icon=f":material/{lesson.icon}:"
                )
                st.markdown(_(lesson.question))
