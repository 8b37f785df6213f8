"""`python -m uploadsvc` is the `uploadsvc` command."""

from uploadsvc.cli import main

if __name__ == "__main__":
    main()
