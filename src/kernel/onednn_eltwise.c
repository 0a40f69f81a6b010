/* Element-wise functions, two operands, batch norm, softmax. */
#include "kernel/onednn_internal.h"

/* Whether a whole operand is described element by element: PLANE (zero in,
 * zero out keeps its border) and IMAGE16 have no name in oneDNN. */
static bool is_flat(enum layout layout)
{
    return layout == LAYOUT_PLANE || layout == LAYOUT_IMAGE16;
}

static int operand(struct onednn_memory_desc *out,
                   const struct layout_desc *from)
{
    return is_flat(from->layout) ? onednn_desc_flat(out, from)
                                 : onednn_desc_of(out, from, false);
}

int onednn_eltwise_describe(struct onednn_making *making)
{
    const struct onednn_problem *problem = making->problem;
    struct onednn_eltwise eltwise;
    struct onednn_memory_desc data = {0};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t status = dnnl_invalid_arguments;
    if (onednn_eltwise_of(&eltwise, &problem->spec->eltwise))
        return -1;
    if (operand(&data, &problem->src) ||
        onednn_attr_create(&attr, problem, ONEDNN_MD_OF(&data)))
        goto out;
#if DNNL_VERSION_MAJOR >= 3
    status = dnnl_eltwise_forward_primitive_desc_create(
        &making->desc, making->engine, dnnl_forward_inference, eltwise.kind,
        ONEDNN_MD_OF(&data), ONEDNN_MD_OF(&data), eltwise.alpha, eltwise.beta,
        attr);
#else
    dnnl_eltwise_desc_t desc;
    status = dnnl_eltwise_forward_desc_init(&desc, dnnl_forward_inference,
                                            eltwise.kind, ONEDNN_MD_OF(&data),
                                            eltwise.alpha, eltwise.beta);
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(&making->desc, &desc, attr,
                                            making->engine, NULL);
#endif
out:
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    onednn_desc_release(&data);
    return status == dnnl_success ? 0 : -1;
}

/* --- two operands --- */

/* Whether the constant may stand second: oneDNN broadcasts only there. */
static bool commutes(enum binary_kind kind)
{
    return kind != BINARY_SUB && kind != BINARY_DIV;
}

static int second_operand(struct onednn_memory_desc *out,
                          const struct onednn_problem *problem)
{
    const struct binary_spec *b = &problem->spec->binary;
    const dnnl_dims_t dims = {1, b->constant_channels, 1, 1};
    const dnnl_dims_t row = {1, b->constant_row};
    if (!b->constant)
        return operand(out, &problem->other);
    if (b->constant_row)
        return onednn_desc_init(out, 2, row, dnnl_ab);
    return onednn_desc_init(out, 4, dims, dnnl_nchw);
}

/* Source and result; as rows where a constant repeats. */
static int first_operand(struct onednn_memory_desc *out,
                         const struct onednn_problem *problem)
{
    int64_t row = problem->spec->binary.constant_row;
    if (!row)
        return operand(out, &problem->src);
    const dnnl_dims_t dims = {layout_elements(&problem->src) / row, row};
    return onednn_desc_init(out, 2, dims, dnnl_ab);
}

/* The second operand may be of size 1 where the first is larger. */
static bool broadcasts(const struct layout_desc *to,
                       const struct layout_desc *from)
{
    return (from->n == to->n || from->n == 1) &&
           (from->c == to->c || from->c == 1) &&
           (from->h == to->h || from->h == 1) &&
           (from->w == to->w || from->w == 1);
}

static bool binary_serves(const struct onednn_problem *problem)
{
    const struct binary_spec *b = &problem->spec->binary;
    if (!b->constant)
        return b->same_shape || (!is_flat(problem->src.layout) &&
                                 broadcasts(&problem->src, &problem->other));
    if (b->constant_row && problem->src.layout != LAYOUT_PLAIN)
        return false;
    return b->constant_channels + b->constant_row > 0 &&
           !is_flat(problem->src.layout) &&
           (b->constant_operand == 1 || commutes(b->kind));
}

int onednn_binary_describe(struct onednn_making *making)
{
    static const dnnl_alg_kind_t kinds[BINARY_KIND_COUNT] = {
        [BINARY_ADD] = dnnl_binary_add, [BINARY_SUB] = dnnl_binary_sub,
        [BINARY_MUL] = dnnl_binary_mul, [BINARY_DIV] = dnnl_binary_div,
        [BINARY_MAX] = dnnl_binary_max, [BINARY_MIN] = dnnl_binary_min,
    };
    const struct onednn_problem *problem = making->problem;
    const struct binary_spec *b = &problem->spec->binary;
    struct onednn_memory_desc data = {0}, second = {0};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t status = dnnl_invalid_arguments;
    if (!binary_serves(problem))
        return -1;
    if (first_operand(&data, problem) || second_operand(&second, problem) ||
        onednn_attr_create(&attr, problem, ONEDNN_MD_OF(&data)))
        goto out;
#if DNNL_VERSION_MAJOR >= 3
    status = dnnl_binary_primitive_desc_create(
        &making->desc, making->engine, kinds[b->kind], ONEDNN_MD_OF(&data),
        ONEDNN_MD_OF(&second), ONEDNN_MD_OF(&data), attr);
#else
    dnnl_binary_desc_t desc;
    status = dnnl_binary_desc_init(&desc, kinds[b->kind], ONEDNN_MD_OF(&data),
                                   ONEDNN_MD_OF(&second), ONEDNN_MD_OF(&data));
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(&making->desc, &desc, attr,
                                            making->engine, NULL);
#endif
    making->out->two_operands = !b->constant;
    making->out->weight_argument = DNNL_ARG_SRC_1;
out:
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    onednn_desc_release(&data);
    onednn_desc_release(&second);
    return status == dnnl_success ? 0 : -1;
}

int onednn_binary_pack(struct onednn_making *making)
{
    const struct binary_spec *b = &making->problem->spec->binary;
    dnnl_memory_t memory = NULL;
    if (!b->constant)
        return 0;
    struct onednn_memory_desc desc;
    if (second_operand(&desc, making->problem))
        return -1;
    void *handle = NULL;
    int status = -1;
    if (dnnl_memory_create(&memory, ONEDNN_MD_OF(&desc), making->engine,
                           DNNL_MEMORY_ALLOCATE) == dnnl_success &&
        dnnl_memory_get_data_handle(memory, &handle) == dnnl_success) {
        for (int64_t i = 0; i < b->constant_channels + b->constant_row; i++)
            ((float *)handle)[i] = b->constant[i];
        status = 0;
    }
    onednn_desc_release(&desc);
    making->out->weight = memory;
    making->out->weight_argument = DNNL_ARG_SRC_1;
    return status;
}

/* --- batch norm that was not fused --- */

int onednn_affine_describe(struct onednn_making *making)
{
    const struct onednn_problem *problem = making->problem;
    const unsigned flags =
        dnnl_use_global_stats | dnnl_use_scale | dnnl_use_shift;
    struct onednn_memory_desc data = {0};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t status = dnnl_invalid_arguments;
    if (is_flat(problem->src.layout))
        return -1;
    if (onednn_desc_of(&data, &problem->src, false) ||
        onednn_attr_create(&attr, problem, ONEDNN_MD_OF(&data)))
        goto out;
    float epsilon = problem->spec->affine.epsilon;
#if DNNL_VERSION_MAJOR >= 3
    status = dnnl_batch_normalization_forward_primitive_desc_create(
        &making->desc, making->engine, dnnl_forward_inference,
        ONEDNN_MD_OF(&data), ONEDNN_MD_OF(&data), epsilon, flags, attr);
#else
    dnnl_batch_normalization_desc_t desc;
    status = dnnl_batch_normalization_forward_desc_init(
        &desc, dnnl_forward_inference, ONEDNN_MD_OF(&data), epsilon, flags);
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(&making->desc, &desc, attr,
                                            making->engine, NULL);
#endif
out:
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    onednn_desc_release(&data);
    return status == dnnl_success ? 0 : -1;
}

int onednn_affine_pack(struct onednn_making *making)
{
    const struct affine_spec *a = &making->problem->spec->affine;
    const float *const vectors[4] = {a->gamma, a->beta, a->mean, a->variance};
    dnnl_memory_t memories[4] = {0};
    int status = 0;
    for (int i = 0; i < 4 && !status; i++)
        status = onednn_copy_vector(making, vectors[i], a->c, &memories[i]);
    making->out->weight = memories[0];
    making->out->weight_argument = DNNL_ARG_SCALE;
    making->out->bias = memories[1];
    making->out->bias_argument = DNNL_ARG_SHIFT;
    making->out->constants[0] = memories[2];
    making->out->constants[1] = memories[3];
    return status;
}

/* --- softmax --- */

int onednn_softmax_describe(struct onednn_making *making)
{
    const struct onednn_problem *problem = making->problem;
    const struct softmax_spec *s = &problem->spec->softmax;
    const dnnl_dims_t dims = {s->outer, s->axis, s->inner};
    const dnnl_alg_kind_t kind =
        s->logarithm ? dnnl_softmax_log : dnnl_softmax_accurate;
    struct onednn_memory_desc data = {0};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t status = dnnl_invalid_arguments;
    if (problem->src.layout != LAYOUT_PLAIN)
        return -1;
    if (onednn_desc_init(&data, 3, dims, dnnl_abc) ||
        onednn_attr_create(&attr, problem, ONEDNN_MD_OF(&data)))
        goto out;
#if DNNL_VERSION_MAJOR >= 3
    status = dnnl_softmax_forward_primitive_desc_create(
        &making->desc, making->engine, dnnl_forward_inference, kind,
        ONEDNN_MD_OF(&data), ONEDNN_MD_OF(&data), 1, attr);
#else
    dnnl_softmax_v2_desc_t desc;
    status = dnnl_softmax_v2_forward_desc_init(&desc, dnnl_forward_inference,
                                               kind, ONEDNN_MD_OF(&data),
                                               ONEDNN_MD_OF(&data), 1);
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(&making->desc, &desc, attr,
                                            making->engine, NULL);
#endif
out:
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    onednn_desc_release(&data);
    return status == dnnl_success ? 0 : -1;
}
