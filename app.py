"""Launch the demo: `python app.py`, or `python app.py --help` for its options."""

from swinviz.demo import main

if __name__ == "__main__":
    main()
