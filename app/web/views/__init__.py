"""The pages, in the order of the navigation; a page is one file here and one line below.

The folder is not called `pages`, because Streamlit runs the files of such a folder by itself, without
`app/web/main.py`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A page: its name (the file's without the ending, and the page's URL), its title and its icon."""

    name: str
    title: str
    icon: str

    @property
    def path(self) -> str:
        """The page's file, relative to the folder of `app/web/main.py`."""
        return f"views/{self.name}.py"


PAGES = (
    Entry("home", "Home", ":material/home:"),
    Entry("search", "Search", ":material/search:"),
    Entry("unit", "Unit", ":material/blur_on:"),
    Entry("circuit", "Circuit", ":material/account_tree:"),
    Entry("enrichment", "Enrichment", ":material/call_merge:"),
    Entry("words", "Words", ":material/text_fields:"),
    Entry("annotate", "Annotate", ":material/label:"),
    Entry("history", "History", ":material/history:"),
    Entry("transfer", "Import and export", ":material/import_export:"),
    Entry("layers", "Layers", ":material/layers:"),
    Entry("macroscopic", "Macroscopic", ":material/bar_chart:"),
    Entry("query", "Query", ":material/terminal:"),
)
