"""Entry point: page set-up and navigation, nothing else."""

import streamlit as st

st.set_page_config(page_title="Seq2Exp Browser", page_icon="🧬", layout="wide")
st.navigation(
    [st.Page("pages/browser.py", title="Browser", icon=":material/genetics:", default=True)]
).run()
