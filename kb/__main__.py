"""`kb` and `python -m kb`: the command, imported only in the process that runs it.

Processes that share the work of a build import this module again; they must not import all commands.
"""


def main() -> None:
    from kb.cli import main as run

    run()


if __name__ == "__main__":
    main()
