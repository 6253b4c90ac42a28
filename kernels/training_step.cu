// The kernels that layers and optimiser of a training step launch, as one program: NVRTC takes as long to start and to read the
// headers as to compile some of them.
// FT_BF16: 1 if activations are bf16, else fp32.
#include "bias_relu.cu"
#include "cast.cu"
#include "ema.cu"
#include "global_average.cu"
#include "sgd.cu"
