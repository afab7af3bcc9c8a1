"""AI cost: what asking models costs, what it brought, and each question as it was sent."""

from app import ai_views, ui
from app.read import ai

PAGE = {"group": "Results", "title": "AI cost", "place": 8}


def main(page: ui.Page) -> None:
    """The page, top to bottom."""
    found = ai.spent(page.engine, page.run_id)
    if found:
        ai_views.summary(page, found)
        ai_views.by_group(found)
        ai_views.newest(page)
    else:
        ui.empty(
            "No model has been asked in this run",
            "A strategy asks where its file says so (`asks`), for example ai_trend; docs/ai.md leads there.",
        )
    ai_views.budgets(page)
    ai_views.against(page)
    ai_views.before()


main(ui.current())
