"""What the exercises of chapter 03 say to answers that come close."""

import numpy as np

from helpers import nn
from helpers.exercises.chapter03 import CONV, COUNT, FIELD, LOOPS, POOL, SIZE


def test_kernels_laid_out_as_rows_are_told_that_inner_sizes_must_meet():
    def as_rows(X, K, b, stride=1, padding=0, dilation=1):
        return nn.columns(X, K.shape[0], stride, padding, dilation) @ K.reshape(K.shape[3], -1) + b

    verdict = CONV.judge(as_rows)
    assert verdict.status == "raised"
    assert "inner sizes must be equal" in verdict.text


def test_a_size_may_be_a_numpy_integer():
    assert SIZE.judge(lambda *args: np.int64(nn.output_size(*args))).status == "passed"


def test_float32_is_precise_enough():
    assert CONV.judge(lambda *args: nn.conv2d(*args).astype(np.float32)).status == "passed"
    assert POOL.judge(lambda *args: nn.max_pool2d(*args).astype(np.float32)).status == "passed"


def test_layers_that_are_used_up_are_noticed():
    def pops(layers):
        field, apart = 1, 1
        while layers:
            f, s = layers.pop(0)
            field, apart = field + (f - 1) * apart, apart * s
        return field

    verdict = FIELD.judge(pops)
    assert verdict.status == "wrong"
    assert "`layers` changed" in verdict.text


def test_an_output_made_of_lists_is_told_its_type():
    assert "list" in LOOPS.judge(lambda X, K: nn.conv2d_loops(X, K).tolist()).text


def test_a_table_in_place_of_a_number_is_told_so():
    verdict = COUNT.judge(lambda shape, layers: nn.layer_table(shape, layers))
    assert verdict.status == "wrong"
    assert "a number was expected" in verdict.text
