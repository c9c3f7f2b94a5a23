"""Lists of complex numbers, real and imaginary parts apart, for other kernels."""

from __future__ import annotations

from replica.jit import inlined


@inlined
def multiply(re, im, other_re, other_im):
    """Leave the products of two lists in the first."""
    for k in range(re.size):
        x, y, u, v = re[k], im[k], other_re[k], other_im[k]
        re[k], im[k] = x * u - y * v, x * v + y * u


@inlined
def fill_power(re, im, n, square_re, square_im, power_re, power_im):
    """Fill power = z^n for an integer n >= 0, by squares, for which there is room."""
    for k in range(re.size):
        power_re[k], power_im[k] = 1.0, 0.0
        square_re[k], square_im[k] = re[k], im[k]
    while n > 0:
        if n % 2 == 1:
            multiply(power_re, power_im, square_re, square_im)
        n //= 2
        if n > 0:
            for k in range(re.size):
                x, y = square_re[k], square_im[k]
                square_re[k], square_im[k] = x * x - y * y, 2.0 * x * y
