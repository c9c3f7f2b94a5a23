# The public names and their homes, for lazy_loader and for type checkers.
from .errors import ConvergenceError as ConvergenceError
from .errors import ParamagnetWarning as ParamagnetWarning
from .errors import UncachedWarning as UncachedWarning
from .predictions.asymptotics import Asymptote as Asymptote
from .predictions.asymptotics import few_samples as few_samples
from .predictions.asymptotics import many_samples as many_samples
from .predictions.bayes_bound import BayesBound as BayesBound
from .predictions.bayes_bound import bayes_bound as bayes_bound
from .predictions.free_energy import free_energy as free_energy
from .predictions.mean_field_baseline import Baseline as Baseline
from .predictions.mean_field_baseline import mean_field_baseline as mean_field_baseline
from .predictions.optimal_lam import optimal_lam as optimal_lam
from .predictions.required_alpha import required_alpha as required_alpha
from .predictions.sensitivities import Sensitivities as Sensitivities
from .predictions.sensitivities import sensitivities as sensitivities
from .predictions.stability import Stability as Stability
from .predictions.stability import stability as stability
from .predictions.state_evolution import StateEvolution as StateEvolution
from .predictions.state_evolution import state_evolution as state_evolution
from .problem import CustomTokens as CustomTokens
from .problem import DataModel as DataModel
from .problem import GaussianTokens as GaussianTokens
from .problem import IndependentTokens as IndependentTokens
from .problem import Loss as Loss
from .problem import PottsTokens as PottsTokens
from .problem import Problem as Problem
from .problem import RowTokens as RowTokens
from .problem import cavity_covariance as cavity_covariance
from .saddle_point.existence_threshold import existence_threshold as existence_threshold
from .saddle_point.solution import Solution as Solution
from .saddle_point.solver import solve as solve
from .saddle_point.sweep import Curve as Curve
from .saddle_point.sweep import sweep as sweep
from .tables import Table as Table

__version__: str
