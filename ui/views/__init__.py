"""The pages: one file each, run by Streamlit."""
