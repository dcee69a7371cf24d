"""The course's own network in NumPy: every function is taught in a chapter and held against a library by a test.

Row convention: a batch X is (N, D), one example a row; a layer is X @ W + b. Images are (N, H, W, C), kernels
(kh, kw, C_in, C_out). A function keeps the dtype it is given. A backward function takes the gradient of the loss with
respect to the output first, and gives those with respect to the inputs, in their order.
"""

from helpers.nn.activations import ACTIVATIONS, Activation, relu, relu_backward
from helpers.nn.arithmetic import count_parameters, layer_table, receptive_field
from helpers.nn.convolution import columns, conv2d, conv2d_backward, conv2d_loops, output_size
from helpers.nn.gradient_check import numerical_gradient, relative_error
from helpers.nn.initialisers import glorot_init, he_init
from helpers.nn.inputs import NotFinite
from helpers.nn.layers import (
    batch_norm,
    batch_norm_backward,
    count_dead_units,
    dense_backward,
    dense_forward,
    dropout,
    flatten,
)
from helpers.nn.losses import (
    cross_entropy,
    log_softmax,
    mean_squared_error,
    mean_squared_error_backward,
    softmax,
    softmax_cross_entropy_backward,
)
from helpers.nn.network import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool2D,
    ReLU,
    Sequential,
)
from helpers.nn.optimisers import (
    SGD,
    Adam,
    Optimiser,
    RMSProp,
    adam_step,
    cosine_decay,
    momentum_step,
    rmsprop_step,
    sgd_step,
    step_decay,
)
from helpers.nn.pooling import average_pool2d, average_pool2d_backward, max_pool2d, max_pool2d_backward
from helpers.nn.training import History, check_gradients, evaluate, fit
