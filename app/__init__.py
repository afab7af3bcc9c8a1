"""What the pages share: data (the only cache), charts, the frame, formats. It reads; it writes nothing but commands."""
