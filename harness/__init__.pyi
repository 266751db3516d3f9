from harness.api.functions import compare as compare
from harness.api.functions import gate as gate
from harness.api.functions import open_run as open_run
from harness.api.functions import plot as plot
from harness.api.functions import run as run
from harness.api.functions import score as score
from harness.api.functions import write_report as write_report
from harness.api.optimise import Objective as Objective
from harness.api.optimise import objective as objective
from harness.api.results import Comparison as Comparison
from harness.api.results import Gate as Gate
from harness.api.results import Picture as Picture
from harness.api.results import Run as Run
from harness.api.results import Score as Score
from harness.errors import HarnessError as HarnessError

__version__: str
__all__: list[str]
