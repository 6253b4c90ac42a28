// What the rows of a batch need before and behind the pass over the queue, as one program: much of the code is the same.
// FT_FEATURES_BF16, FT_POSITIVE_ELEMENTS: see mix_positive.cu; FT_ROWS, FT_PASSES: see infonce_finish.cu.
#include "mix_positive.cu"
#include "infonce_finish.cu"
