# The public names and their homes, for lazy_loader and for type checkers.
from .drawing.axes import log_axis as log_axis
from .drawing.panels import markers as markers
from .drawing.panels import measured as measured
from .drawing.panels import theory_line as theory_line
from .drawing.style import LOOKS as LOOKS
from .drawing.style import ONE_COLUMN as ONE_COLUMN
from .drawing.style import TWO_COLUMNS as TWO_COLUMNS
from .drawing.style import Look as Look
from .drawing.style import journal as journal
from .output.draw import draw as draw
from .output.plot import plot as plot
