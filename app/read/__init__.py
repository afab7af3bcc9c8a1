"""The pages' questions to the database, as plain functions of an engine. No cache, no Streamlit, nothing written."""
