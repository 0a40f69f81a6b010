#include "engine/training.h"

#include <string.h>

int training_data(const struct dataset **data, struct dataset **opened,
                  const struct session *session, struct error *err)
{
    const struct session_options *options = session_options(session);
    const struct dataset *tested = session_dataset(session);
    const struct dataset *aside = session_training(session);
    if (!aside && !*opened) {
        struct dataset_options train = {.split = "train",
                                        .shape = options->shape};
        const char *path = options->train_path;
        bool split = tested && *dataset_split(tested) &&
                     strcmp(dataset_split(tested), "train");
        if (!path && !split)
            return error_set(err, ERROR_UNSUPPORTED,
                             "no data to calibrate or tune on: '%s' has no "
                             "training split; name data with --train, or set a "
                             "share of it aside with --train 20%%",
                             options->data_path ? options->data_path : "");
        if (!path)
            path = options->data_path;
        else
            train.split = NULL;
        if (dataset_open(opened, path, &train, err) < 0)
            return -1;
    }
    *data = aside ? aside : *opened;
    return 0;
}
