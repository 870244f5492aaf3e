"""Makes workflows.ipynb of workflows.py: one source, whose cells begin with `# %%`. Run it after a change."""
import json
import re
from pathlib import Path

folder = Path(__file__).parent
cells = []
for number, part in enumerate(re.split(r"^# %%", (folder / "workflows.py").read_text(encoding="utf-8"), flags=re.M)[1:]):
    head, _, body = part.partition("\n")
    markdown = head.strip() == "[markdown]"
    text = re.sub(r"^# ?", "", body.strip(), flags=re.M) if markdown else body.strip()
    lines = text.splitlines(keepends=True)
    common = {"id": f"cell-{number}", "metadata": {}, "source": lines}
    cells.append({"cell_type": "markdown", **common} if markdown else {"cell_type": "code", "execution_count": None, "outputs": [], **common})
kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}
notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
(folder / "workflows.ipynb").write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
