"""What is drawn: tracks as data, then Plotly or matplotlib."""
