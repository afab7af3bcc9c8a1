"""The door of the app: login, sessions, and what every answer says to the browser. Pages know nothing of it."""
