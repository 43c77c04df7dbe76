"""The only place in cnnviz that imports streamlit: frame, scaffold, controls, photo picker, state."""
