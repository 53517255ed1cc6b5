"""What a finding may be called: its code, and the sentence that code scanners and `docs/writers.md` show."""

from __future__ import annotations

CODES = {
    # reading a file
    "unreadable": "A file that cannot be read as an article.",
    "front-matter": "A value of the front matter that cannot be understood.",
    "markdown": "Markdown that cannot be rendered.",
    "empty": "A file without text.",
    "duplicate-id": "Two files that claim one id.",
    "unknown-audience": "An audience nobody knows; the article counts as agents-only.",
    "unknown-status": "A status nobody knows; the article counts as agents-only.",
    "unknown-key": "A key of the front matter or of kb.yml that means nothing.",
    "questions": "A question that stands for too many forms.",
    # links and files
    "dead-link": "A link to an article that does not exist, in this locale or another.",
    "dead-anchor": "A link to a heading that does not exist.",
    "missing-file": "An image or file that does not exist.",
    "missing-alt": "An image without alternative text.",
    "refused-link": "A link that is not shown: its scheme or place is not allowed.",
    "link-to-agents": "A public page that names an agents-only article.",
    "agents-file": "A public page that shows a file of an agents-only folder.",
    "link-to-unpublished": "A link to a draft or an archived article.",
    "unused-file": "An image or document that no article shows.",
    "orphan": "An article in no category that no page links to.",
    # front matter and kb.yml
    "site": "A kb.yml that cannot be understood; the articles are not looked at.",
    "related": "`related` names no article.",
    "redirect": "`redirect_from` names what another article has.",
    "unknown-category": "A category that kb.yml does not list.",
    "pinned": "kb.yml pins what is no article.",
    "agents-only": "An agents-only folder of kb.yml that holds no article.",
    "review-overdue": "The day of `review_by` is past.",
    "never-shown": "An article that is taken down before it appears.",
    # what readers see
    "heading-level": "A heading that skips a level.",
    "duplicate-title": "Two articles with one title.",
    "near-duplicate": "Two articles that say nearly the same.",
    "stale-translation": "A translation that has not followed its source.",
    "cut-off-history": "A cut-off history: whether translations follow their sources cannot be told.",
    "orphan-translation": "A translation without a source in the default locale.",
    # words
    "same-question": "A question that two articles ask.",
    "crowded-golden": "A golden query that more than three articles claim.",
    "synonyms": "A file of synonyms that cannot be read, or a group that says nothing.",
    "ambiguous-synonym": "A word that stands in several groups of synonyms.",
    "unused-synonyms": "A group of synonyms of which no article has a word.",
    # what must not be published
    "secret": "A key, token or password.",
    "personal-data": "Personal data of somebody.",
    # a publish alone can tell
    "golden-loss": "An article that fell out of the first three of its golden query.",
    "reused-id": "An id that was another article's.",
    "submodule": "A submodule, whose articles are left out.",
    "link-outside": "A symbolic link that leads out of the tree.",
    "lfs-pointer": "A file that is only a pointer of Git LFS.",
    "too-large": "A file that is too large to be shown.",
}
