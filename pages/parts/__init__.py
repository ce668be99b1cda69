"""The pieces a page is put together from; the only place beside the pages that knows Streamlit."""
