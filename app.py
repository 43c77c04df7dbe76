"""The entry: `streamlit run app.py` serves it, and runs it again as the script of every visit."""

import streamlit as st

from cnnviz.ui import frame, warmup

app = st.App(__file__, lifespan=warmup.lifespan)

if __name__ == "__main__":
    frame.draw()
