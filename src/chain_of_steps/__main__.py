"""`python -m chain_of_steps` is `cos`; by itself it says what there is."""

import sys


def main() -> int:
    if len(sys.argv) == 1:
        from chain_of_steps.overview import overview

        print(overview())
        return 0
    from chain_of_steps import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
