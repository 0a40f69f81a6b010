#include "topology.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define CONV(out, in, name)                                                    \
    out " = Conv " in " " name ".weight " name ".bias | pads=1,1,1,1\n"
#define WEIGHT(name, o, i)                                                     \
    "const " name ".weight " #o "x" #i "x3x3\n"                                \
    "const " name ".bias " #o "\n"
#define POINT(name, o, i)                                                      \
    "const " name ".weight " #o "x" #i "x1x1\nconst " name ".bias " #o "\n"
#define FULL(name, o, i)                                                       \
    "const " name ".weight " #o "x" #i "\nconst " name ".bias " #o "\n"
#define IMAGE "in x ?x3x6x6\n"
#define TAIL(in, channels)                                                     \
    POINT("last", 2, channels)                                                 \
    "y = Conv " in " last.weight last.bias\nout y\n"
#define NORM(name, channels)                                                   \
    "const " name ".scale " #channels "\nconst " name ".shift " #channels      \
    "\nconst " name ".mean " #channels "\npositive " name ".var " #channels    \
    "\n"
#define BATCH(out, in, name)                                                   \
    out " = BatchNormalization " in " " name ".scale " name ".shift " name     \
        ".mean " name ".var\n"

/* clang-format off */
const struct topology topologies[] = {
    {"chain",
     IMAGE WEIGHT("a", 6, 3) CONV("t", "x", "a") "u = Relu t\n" TAIL("u", 6),
     "a=6/5; last=2/0"},
    {"batch norm",
     IMAGE WEIGHT("a", 6, 3) CONV("t", "x", "a") NORM("n", 6)
     BATCH("u", "t", "n") "v = Sigmoid u\n" TAIL("v", 6),
     "a=6/5; last=2/0"},
    {"residual",
     IMAGE WEIGHT("a", 6, 3) WEIGHT("b", 6, 6)
     CONV("t", "x", "a") "u = Relu t\n" CONV("v", "u", "b") "w = Add u v\n" TAIL("w", 6),
     "a+b=6/5; last=2/0"},
    {"projection",
     IMAGE WEIGHT("a", 6, 3) POINT("p", 6, 3) CONV("t", "x",
     "a") "u = Conv x p.weight p.bias\nv = Add t u\nw = Relu v\n" TAIL("w", 6),
     "a+p=6/5; last=2/0"},
    {"residual with the input",
     IMAGE WEIGHT("a", 3, 3) CONV("t", "x", "a") "u = Add x t\n" TAIL("u", 3),
     "a=3/0; last=2/0"},
    {"concat",
     IMAGE WEIGHT("a", 4, 3) WEIGHT("b", 5, 3) CONV("t", "x", "a") CONV("u", "x", "b") "v = Concat t u | axis=1\nw = Relu v\n" TAIL("w", 9),
     "a=4/3; b=5/4; last=2/0"},
    {"cascaded concat",
     IMAGE WEIGHT("a", 4, 3) WEIGHT("b", 3, 7) WEIGHT("c", 2, 10)
     CONV("t", "x", "a") "t2 = Concat x t | axis=1\n" CONV("u", "t2",
     "b") "u2 = Concat t2 u | axis=1\n" CONV("v", "u2",
     "c") "w = Concat u2 v | "
     "axis=1\n" TAIL("w", 12),
     "a=4/3; b=3/2; c=2/1; last=2/0"},
    {"concat with itself",
     IMAGE WEIGHT("a", 4, 3) CONV("t", "x", "a") "u = Concat t t | axis=1\nw = Relu u\n" TAIL("w", 8),
     "a=4/3; last=2/0"},
    {"concat that is added",
     IMAGE WEIGHT("a", 4, 3) WEIGHT("b", 2, 3) WEIGHT("c", 6, 3)
     CONV("t", "x", "a") CONV("u", "x", "b")
     CONV("v", "x",
     "c") "w = Concat t u | axis=1\nz = Add w v\n" TAIL("z", 6),
     "a+b+c=6/4; last=2/0"},
    {"split",
     IMAGE WEIGHT("a", 6, 3) POINT("b", 4, 2)
     CONV("t", "x",
     "a") "ints sizes 2,4\nu,v = Split t sizes | axis=1\n"
     "w = Conv u b.weight b.bias\nz = Add v w\n" TAIL("z", 4),
     "a+b=6/4; last=2/0"},
    {"split in equal parts",
     IMAGE WEIGHT("a", 6, 3) CONV("t", "x",
     "a") "u,v = Split t | axis=1\nw = Sigmoid u\nz = Mul v w\n" TAIL("z", 3),
     "a=3/2; last=2/0"},
    {"slice",
     IMAGE WEIGHT("a", 6, 3) CONV("t", "x",
     "a") "ints s 1\nints e 5\nints ax 1\nu = Slice t s e ax\n" TAIL("u", 4),
     "a=6/5; last=2/0"},
    {"concat then split",
     IMAGE WEIGHT("a", 4, 3) WEIGHT("b", 4, 3) CONV("t", "x", "a") CONV("u", "x",
     "b") "v = Concat t u | axis=1\nints sizes 3,5\n"
     "w,z = Split v sizes | axis=1\n" POINT("c", 5, 3) "w2 = Conv w c.weight c.bias\nz2 = Add z w2\n" TAIL("z2", 5),
     "a+b+c=8/6; last=2/0"},
    {"grouped convolution",
     IMAGE WEIGHT("a", 8, 3) CONV("t", "x", "a") WEIGHT("g", 12, 4) "u = Conv t g.weight g.bias | pads=1,1,1,1 group=2\n"
     "w = Relu u\n" TAIL("w", 12),
     "a=4/3; g=6/5; last=2/0"},
    {"convolution in many groups",
     IMAGE WEIGHT("a", 8, 3) CONV("t", "x", "a") WEIGHT("g", 12, 2) "u = Conv t g.weight g.bias | pads=1,1,1,1 group=4\n"
     "w = Relu u\n" TAIL("w", 12),
     "a+g=4/3; last=2/0"},
    {"depthwise",
     IMAGE POINT("a", 5, 3) "t = Conv x a.weight a.bias\n" WEIGHT("d", 5, 1) "u = Conv t d.weight d.bias | pads=1,1,1,1 group=5\nw = "
     "Clip u\n" TAIL("w", 5),
     "a+d=5/4; last=2/0"},
    {"depthwise that doubles",
     IMAGE POINT("a", 5, 3) "t = Conv x a.weight a.bias\n" WEIGHT("d", 10, 1) "u = Conv t d.weight d.bias | pads=1,1,1,1 group=5\n" TAIL("u", 10),
     "a+d=5/4; last=2/0"},
    {"depthwise on the input",
     IMAGE WEIGHT("d", 3, 1) "u = Conv x d.weight d.bias | pads=1,1,1,1 group=3\n" TAIL("u", 3),
     "d=3/0; last=2/0"},
    {"inverted residual",
     IMAGE POINT("s", 4, 3) "r = Conv x s.weight s.bias\n" POINT("a", 6, 4) "t = Conv r a.weight a.bias\nt2 = Relu t\n" WEIGHT("d", 6, 1) "u = Conv t2 "
     "d.weight "
     "d.bias | "
     "pads=1,1,1,"
     "1 "
     "group=6\nu2 "
     "= Relu "
     "u\n" POINT("p",
     4, 6) "v = Conv u2 p.weight p.bias\nw = Add r v\n" TAIL("w", 4),
     "s+p=4/3; a+d=6/5; last=2/0"},
    {"squeeze and excitation",
     IMAGE WEIGHT("a", 6, 3)
     CONV("t", "x", "a") "g = GlobalAveragePool t\n" POINT("s", 2, 6)
     POINT("e", 6, 2) "h = Conv g s.weight s.bias\nh2 = Relu h\n"
     "k = Conv h2 e.weight e.bias\nk2 = HardSigmoid "
     "k\nu = Mul t k2\n" TAIL("u", 6),
     "a+e=6/5; s=2/1; last=2/0"},
    {"channel shuffle",
     IMAGE WEIGHT("a", 6, 3) CONV("t", "x",
     "a") "ints wide 0,2,3,6,6\nints back 0,6,6,6\nt1 = Reshape t wide\n"
     "t2 = Transpose t1 | perm=0,2,1,3,4\nu = Reshape t2 back\n"
     "ints sizes 2,4\nv,w = Split u sizes | axis=1\n" POINT("b", 4, 2) "v2 = Conv v b.weight b.bias\nz = Concat v2 w | "
     "axis=1\n" TAIL("z", 8),
     "a=6/4; b=4/3; last=2/0"},
    {"flatten",
     IMAGE WEIGHT("a", 4, 3)
     CONV("t", "x",
     "a") "p = MaxPool t | kernel_shape=2,2 strides=2,2\nf = Flatten "
     "p\n" FULL("last", 5, 36) "y = Gemm f last.weight last.bias "
     "| transB=1\nout y\n",
     "a=4/3; last=5/0"},
    {"reshape to -1",
     IMAGE WEIGHT("a", 4, 3) CONV("t", "x",
     "a") "ints flat -1,144\nf = Reshape t flat\nconst last.weight 144x5\n"
     "y = Gemm f last.weight\nout y\n",
     "a=4/3; last=5/0"},
    {"reshape by 0",
     IMAGE WEIGHT("a", 4, 3)
     CONV("t", "x",
     "a") "ints flat 0,4,-1\nf = Reshape t flat\ng = Transpose f | "
     "perm=0,2,1\n"
     "const last.weight 4x5\ny = MatMul g last.weight\nout y\n",
     "a=4/3; last=5/0"},
    {"pooled, squeezed",
     IMAGE WEIGHT("a", 4, 3)
     CONV("t", "x",
     "a") "p = GlobalAveragePool t\nints ax 2,3\nf = Squeeze p "
     "ax\n" FULL("b", 6, 4) "g = Gemm f b.weight b.bias | "
     "transB=1\nh = Relu g\n"
     "const last.weight 6x3\ny = Gemm h "
     "last.weight | alpha=0.5\nout y\n",
     "a=4/3; b=6/5; last=3/0"},
    {"product and sum",
     "in x ?x5x4\nconst a.weight 4x6\nconst a.bias 6\nt = MatMul x a.weight\n"
     "u = Add a.bias t\nv = Relu u\nconst last.weight 6x3\n"
     "y = MatMul v last.weight\nout y\n",
     "a=6/5; last=3/0"},
    {"transposed convolution",
     IMAGE WEIGHT("a", 4, 3)
     CONV("t", "x",
     "a") "const d.weight 4x5x2x2\n"
     "const d.bias 5\n"
     "u = ConvTranspose t d.weight d.bias | strides=2,2\n" TAIL("u", 5),
     "a=4/3; d=5/4; last=2/0"},
    {"transposed convolution in groups",
     IMAGE WEIGHT("a", 8, 3)
     CONV("t", "x", "a") "const d.weight 8x3x2x2\nconst d.bias 12\n"
     "u = ConvTranspose t d.weight d.bias | "
     "strides=2,2 group=4\n" TAIL("u", 12),
     "a+d=4/3; last=2/0"},
    {"slopes",
     IMAGE WEIGHT("a", 4, 3)
     CONV("t", "x", "a") "const s 4x1x1\nu = PRelu t s\n" TAIL("u", 4),
     "a=4/3; last=2/0"},
    {"instance norm",
     IMAGE WEIGHT("a", 4, 3)
     CONV("t", "x", "a") "const s 4\nconst b 4\nu = InstanceNormalization "
     "t s b\n" TAIL("u", 4),
     "a=4/3; last=2/0"},
    {"group norm",
     IMAGE WEIGHT("a", 6, 3)
     CONV("t", "x",
     "a") "const s 3\nconst b 3\nints in 0,3,-1\nints out 0,6,6,6\n"
     "t1 = Reshape t in\nt2 = InstanceNormalization t1 s b\n"
     "t3 = Reshape t2 out\nconst g 6x1x1\nconst h 6x1x1\n"
     "u = Mul t3 g\nv = Add u h\n" TAIL("v", 6),
     "a=3/2; last=2/0"},
    {"layer norm",
     "in x ?x5x4\nconst a.weight 4x6\nt = MatMul x a.weight\nconst s 6\n"
     "const b 6\nu = LayerNormalization t s b\nconst h.weight 6x8\n"
     "v = MatMul u h.weight\nw = Relu v\nconst last.weight 8x3\n"
     "y = MatMul w last.weight\nout y\n",
     "a=6/0; h=8/7; last=3/0"},
    {"padded channels",
     IMAGE WEIGHT("a", 4, 3)
     CONV("t", "x", "a") "ints p 0,1,0,0,0,2,0,0\nu = Pad t p\n" WEIGHT("b", 7, 7) CONV("v", "u", "b") "w = Add u v\n" TAIL("w", 7),
     "a+b=7/3; last=2/0"},
    {"padded planes",
     IMAGE WEIGHT("a", 4, 3) CONV("t", "x", "a") "ints p 0,0,1,1,0,0,1,1\nu = Pad t p\n" TAIL("u", 4),
     "a=4/3; last=2/0"},
    {"shared weight",
     IMAGE WEIGHT("a", 4, 3) CONV("t", "x", "a") WEIGHT("s", 4, 4)
     CONV("u", "t", "s") CONV("v", "u", "s") TAIL("v", 4),
     "a+s=4/3; last=2/0"},
    {"shared by one that must keep it",
     IMAGE WEIGHT("s", 3, 3) CONV("t", "x", "s") CONV("u", "t", "s")
     TAIL("u", 3),
     "s=3/0; last=2/0"},
    {"shared by a step that is computed at load",
     "in x ?x3\nconst h 1x4\nconst v 3x4\nconst w 4x4\nconst last 4x2\n"
     "a = MatMul h w\nb = MatMul x v\nc = Add a b\nd = MatMul c w\n"
     "y = MatMul d last\nout y\n",
     "v=4/0; w=4/0; last=2/0"},
    {"shared scales",
     IMAGE WEIGHT("a", 4, 3) WEIGHT("b", 4, 4) CONV("t", "x", "a") NORM("n", 4)
     BATCH("t2", "t", "n") CONV("u", "t2",
     "b") "scale2 = Identity n.scale\nu2 = BatchNormalization u scale2 "
     "n.shift n.mean n.var\n" TAIL("u2", 4),
     "a=4/3; b=4/3; last=2/0"},
    {"one output channel",
     IMAGE WEIGHT("a", 4, 3) CONV("t", "x", "a") WEIGHT("one", 1, 4)
     CONV("m", "t", "one") "m2 = Sigmoid m\nu = Mul t m2\n" TAIL("u", 4),
     "a=4/3; one=1/0; last=2/0"},
    {"two outputs",
     IMAGE WEIGHT("a", 4, 3) WEIGHT("b", 4, 4) CONV("t", "x", "a")
     CONV("u", "t", "b") "out u\n" TAIL("t", 4),
     "a=4/3; b=4/0; last=2/0"},
    {"attention",
     "in x ?x5x4\nconst q.weight 4x6\nconst k.weight 4x6\nconst v.weight 4x6\n"
     "q = MatMul x q.weight\nk = MatMul x k.weight\nv = MatMul x v.weight\n"
     "ints heads 0,5,3,2\nq1 = Reshape q heads\nk1 = Reshape k heads\n"
     "v1 = Reshape v heads\nq2 = Transpose q1 | perm=0,2,1,3\n"
     "k2 = Transpose k1 | perm=0,2,3,1\nv2 = Transpose v1 | perm=0,2,1,3\n"
     "s = MatMul q2 k2\nnumber scale 0.7\ns1 = Mul s scale\n"
     "const places 3x5x5\ns2 = Add s1 places\np = Softmax s2 | axis=-1\n"
     "o = MatMul p v2\no1 = Transpose o | perm=0,2,1,3\nints join 0,5,6\n"
     "o2 = Reshape o1 join\nconst last.weight 6x4\ny = MatMul o2 last.weight\n"
     "out y\n",
     "q+k+v=3/2; last=4/0"},
    {"attention of normalised queries",
     "in x ?x5x4\nconst q.weight 4x6\nconst k.weight 4x6\nconst v.weight 4x6\n"
     "q = MatMul x q.weight\nk = MatMul x k.weight\nv = MatMul x v.weight\n"
     "ints heads 0,5,3,2\nq1 = Reshape q heads\nk1 = Reshape k heads\n"
     "v1 = Reshape v heads\nq2 = Transpose q1 | perm=0,2,1,3\n"
     "n = ReduceL2 q2 | axes=-1, keepdims=1\nnumber least 0.001\n"
     "n1 = Clip n least\nsize = Shape q2\nn2 = Expand n1 size\n"
     "q3 = Div q2 n2\n"
     "k2 = Transpose k1 | perm=0,2,3,1\nv2 = Transpose v1 | perm=0,2,1,3\n"
     "s = MatMul q3 k2\np = Softmax s | axis=-1\n"
     "o = MatMul p v2\no1 = Transpose o | perm=0,2,1,3\nints join 0,5,6\n"
     "o2 = Reshape o1 join\nconst last.weight 6x4\ny = MatMul o2 last.weight\n"
     "out y\n",
     "q+k+v=3/2; last=4/0"},
    {"attention from one product",
     "in x ?x5x4\nconst qkv.weight 4x18\nconst qkv.bias 18\n"
     "h = MatMul x qkv.weight\nh1 = Add h qkv.bias\nints heads 0,5,3,3,2\n"
     "h2 = Reshape h1 heads\nh3 = Transpose h2 | perm=2,0,3,1,4\n"
     "ints 0th 0\nints 1st 1\nints 2nd 2\nints ax 0\n"
     "qs = Gather h3 0th | axis=0\nks = Gather h3 1st | axis=0\n"
     "vs = Gather h3 2nd | axis=0\nq = Squeeze qs ax\nk0 = Squeeze ks ax\n"
     "v = Squeeze vs ax\nk = Transpose k0 | perm=0,1,3,2\ns = MatMul q k\n"
     "p = Softmax s | axis=-1\no = MatMul p v\n"
     "o1 = Transpose o | perm=0,2,1,3\nints join 0,5,-1\n"
     "o2 = Reshape o1 join\nconst last.weight 6x4\ny = MatMul o2 last.weight\n"
     "out y\n",
     "qkv=3/2; last=4/0"},
    {"pixel shuffle",
     IMAGE WEIGHT("a", 12, 3)
     CONV("t", "x", "a") "u = DepthToSpace t | blocksize=2\n" TAIL("u", 3),
     "a=3/2; last=2/0"},
    {"gathered channels",
     IMAGE WEIGHT("a", 5, 3) CONV("t", "x",
     "a") "ints order 4,1,1,0\nu = Gather t order | axis=1\n" TAIL("u", 4),
     "a=5/4; last=2/0"},
    {"batch norm behind constants",
     "in x ?x3x6x6\nconst w0 3x4x3x3\nw1 = Transpose w0 | perm=1,0,2,3\n"
     "const b 4\nt = Conv x w1 b | pads=1,1,1,1\n" TAIL("t", 4),
     "w0=4/3; last=2/0"},
};

/* clang-format on */

const size_t topology_count = sizeof topologies / sizeof topologies[0];

/* --- building --- */

struct maker {
    struct graph *graph;
    struct rng rng;
    char *line;
};

static struct shape read_shape(const char *text)
{
    struct shape shape = {0};
    for (;;) {
        shape.dims[shape.rank++] = *text == '?' ? -1 : atoll(text);
        text = strchr(text, 'x');
        if (!text)
            return shape;
        text++;
    }
}

static void add_constant(struct maker *maker, const char *name,
                         const struct tensor *tensor)
{
    int id = graph_add_value(maker->graph, name, NULL);
    assert_true(id >= 0);
    assert_int_equal(graph_set_constant(maker->graph, id, tensor, NULL), 0);
}

static void add_numbers(struct maker *maker, const char *name, const char *text,
                        bool positive)
{
    struct shape shape = read_shape(text);
    struct tensor tensor;
    assert_int_equal(tensor_init(&tensor, DTYPE_FLOAT32, &shape, NULL), 0);
    float *data = tensor.data;
    int64_t count = tensor_elements(&tensor);
    for (int64_t i = 0; i < count; i++) {
        double x = rng_normal(&maker->rng);
        data[i] = (float)(positive ? x * x + 0.5 : x);
    }
    add_constant(maker, name, &tensor);
    tensor_release(&tensor);
}

static size_t read_integers(const char *text, int64_t *values)
{
    size_t count = 0;
    for (char *at = NULL; *text; text = *at == ',' ? at + 1 : at)
        values[count++] = strtoll(text, &at, 10);
    return count;
}

static void add_integers(struct maker *maker, const char *name,
                         const char *text)
{
    int64_t values[16];
    struct shape shape = {1, {(int64_t)read_integers(text, values)}};
    struct tensor tensor;
    assert_int_equal(tensor_init(&tensor, DTYPE_INT64, &shape, NULL), 0);
    memcpy(tensor.data, values, tensor_bytes(&tensor));
    add_constant(maker, name, &tensor);
    tensor_release(&tensor);
}

static void add_number(struct maker *maker, const char *name, const char *text)
{
    struct shape shape = {0};
    struct tensor tensor;
    assert_int_equal(tensor_init(&tensor, DTYPE_FLOAT32, &shape, NULL), 0);
    *(float *)tensor.data = strtof(text, NULL);
    add_constant(maker, name, &tensor);
    tensor_release(&tensor);
}

static void add_input(struct maker *maker, const char *name, const char *text)
{
    int id = graph_add_value(maker->graph, name, NULL);
    maker->graph->values[id].dtype = DTYPE_FLOAT32;
    maker->graph->values[id].shape = read_shape(text);
    assert_int_equal(graph_add_input(maker->graph, id, NULL), 0);
}

static void read_attribute(char *word, struct attribute *attribute,
                           int64_t *room)
{
    char *value = strpbrk(word, "=:");
    bool text = *value == ':';
    *value++ = '\0';
    *attribute = (struct attribute){.name = word};
    if (text) {
        attribute->kind = ATTRIBUTE_STRING;
        attribute->string = value;
    } else if (strchr(value, '.')) {
        attribute->kind = ATTRIBUTE_FLOAT;
        attribute->number = atof(value);
    } else if (strchr(value, ',')) {
        attribute->kind = ATTRIBUTE_INTS;
        attribute->count = read_integers(value, room);
        attribute->integers = room;
    } else {
        attribute->kind = ATTRIBUTE_INT;
        attribute->integer = atoll(value);
    }
}

static void add_node(struct maker *maker, char *outs, char *rest)
{
    const char *outputs[8], *inputs[8];
    size_t output_count = 0, input_count = 0, attribute_count = 0;
    struct attribute attributes[8];
    int64_t room[8][16];
    char *state, *type = strtok_r(rest, " ", &state);
    bool behind = false;
    for (char *word; (word = strtok_r(NULL, " ", &state));) {
        if (!strcmp(word, "|")) {
            behind = true;
        } else if (behind) {
            read_attribute(word, &attributes[attribute_count],
                           room[attribute_count]);
            attribute_count++;
        } else {
            inputs[input_count++] = strcmp(word, "-") ? word : "";
        }
    }
    for (char *word = strtok_r(outs, ",", &state); word;
         word = strtok_r(NULL, ",", &state))
        outputs[output_count++] = word;
    assert_int_equal(graph_add_node(maker->graph, "", type, "", 17, input_count,
                                    inputs, output_count, outputs,
                                    attribute_count, attributes, NULL),
                     0);
}

static void add_line(struct maker *maker, char *line)
{
    char *equal = strstr(line, " = ");
    if (equal) {
        *equal = '\0';
        add_node(maker, line, equal + 3);
        return;
    }
    char *state, *kind = strtok_r(line, " ", &state);
    char *name = strtok_r(NULL, " ", &state);
    char *text = strtok_r(NULL, " ", &state);
    if (!strcmp(kind, "in"))
        add_input(maker, name, text);
    else if (!strcmp(kind, "const") || !strcmp(kind, "positive"))
        add_numbers(maker, name, text, kind[0] == 'p');
    else if (!strcmp(kind, "ints"))
        add_integers(maker, name, text);
    else if (!strcmp(kind, "number"))
        add_number(maker, name, text);
    else
        assert_int_equal(
            graph_add_output(maker->graph,
                             graph_add_value(maker->graph, name, NULL), NULL),
            0);
}

struct graph *topology_build(const struct topology *topology)
{
    struct maker maker;
    struct error err = {0};
    uint64_t seed = 1;
    for (const char *p = topology->name; *p; p++)
        seed = seed * 31 + (unsigned char)*p;
    rng_init(&maker.rng, seed);
    assert_int_equal(graph_create(&maker.graph, NULL), 0);
    char *text = strdup(topology->text), *state;
    for (char *line = strtok_r(text, "\n", &state); line;
         line = strtok_r(NULL, "\n", &state))
        add_line(&maker, line);
    free(text);
    if (graph_finish(maker.graph, &err) < 0 ||
        op_resolve(maker.graph, &err) < 0)
        fail_msg("%s: %s", topology->name, err.message);
    return maker.graph;
}
