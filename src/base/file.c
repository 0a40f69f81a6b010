#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail_errno(struct error *err, const char *what)
{
    return error_set(err, ERROR_IO, "%s: %s", what, strerror(errno));
}

static int open_regular(int *descriptor, size_t *bytes, const char *path,
                        struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(err, "cannot open");
    struct stat st;
    if (fstat(fd, &st) < 0) {
        close(fd);
        return fail_errno(err, "cannot stat");
    }
    if (!S_ISREG(st.st_mode)) {
        close(fd);
        return error_set(err, ERROR_IO, "found a %s, expected a file",
                         S_ISDIR(st.st_mode) ? "folder" : "special file");
    }
    *descriptor = fd;
    *bytes = (size_t)st.st_size;
    return 0;
}

int file_map_open(struct file_map *map, const char *path, struct error *err)
{
    *map = (struct file_map){0};
    int fd;
    size_t bytes;
    if (open_regular(&fd, &bytes, path, err) < 0)
        return -1;
    if (bytes) {
        void *data = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) {
            close(fd);
            return fail_errno(err, "cannot map");
        }
        map->data = data;
        map->bytes = bytes;
    }
    close(fd);
    return 0;
}

void file_map_close(struct file_map *map)
{
    if (map->data) {
        void *data;
        memcpy(&data, &map->data, sizeof data); /* munmap takes no const */
        munmap(data, map->bytes);
    }
    *map = (struct file_map){0};
}

int file_read(char **data, size_t *bytes, const char *path, struct error *err)
{
    int fd;
    size_t size;
    if (open_regular(&fd, &size, path, err) < 0)
        return -1;
    char *text = malloc(size + 1);
    if (!text) {
        close(fd);
        return error_memory(err, size + 1);
    }
    size_t have = 0;
    while (have < size) {
        ssize_t n = read(fd, text + have, size - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            fail_errno(err, "cannot read");
            free(text);
            close(fd);
            return -1;
        }
        if (n == 0)
            break;
        have += (size_t)n;
    }
    close(fd);
    text[have] = '\0';
    *data = text;
    *bytes = have;
    return 0;
}

static int refuse_special(const char *path, struct error *err)
{
    struct stat st;
    if (stat(path, &st) < 0 || S_ISREG(st.st_mode))
        return 0;
    return error_set(err, ERROR_IO, "found a %s, expected a file",
                     S_ISDIR(st.st_mode) ? "folder" : "special file");
}

int file_begin(struct file_writer *writer, const char *path, struct error *err)
{
    *writer = (struct file_writer){.descriptor = -1};
    if (refuse_special(path, err) < 0)
        return -1;
    size_t length = strlen(path) + 16;
    writer->path = strdup(path);
    writer->temporary = malloc(length);
    if (!writer->path || !writer->temporary) {
        file_abandon(writer);
        return error_memory(err, length);
    }
    snprintf(writer->temporary, length, "%s.XXXXXX", path);
    writer->descriptor = mkstemp(writer->temporary);
    if (writer->descriptor < 0) {
        fail_errno(err, "cannot write");
        free(writer->temporary);
        writer->temporary = NULL;
        file_abandon(writer);
        return -1;
    }
    /* mkstemp makes 0600; an ordinary new file follows the umask. */
    mode_t mask = umask(0);
    umask(mask);
    struct stat old;
    mode_t mode = stat(path, &old) == 0 ? old.st_mode & 0777 : 0666 & ~mask;
    if (fchmod(writer->descriptor, mode) < 0)
        writer->failed = true;
    return 0;
}

int file_add(struct file_writer *writer, const void *data, size_t bytes,
             struct error *err)
{
    const char *p = data;
    while (bytes) {
        ssize_t n = write(writer->descriptor, p, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            writer->failed = true;
            return fail_errno(err, "cannot write");
        }
        p += n;
        bytes -= (size_t)n;
    }
    return 0;
}

int file_commit(struct file_writer *writer, struct error *err)
{
    if (writer->failed) {
        file_abandon(writer);
        return error_set(err, ERROR_IO, "an earlier write failed");
    }
    int result = 0;
    if (fsync(writer->descriptor) < 0)
        result = fail_errno(err, "cannot write");
    int closed = close(writer->descriptor);
    writer->descriptor = -1;
    if (!result && closed < 0)
        result = fail_errno(err, "cannot write");
    if (!result && rename(writer->temporary, writer->path) < 0)
        result = fail_errno(err, "cannot replace");
    if (!result) {
        free(writer->temporary);
        writer->temporary = NULL;
    }
    file_abandon(writer);
    return result;
}

void file_abandon(struct file_writer *writer)
{
    if (writer->descriptor >= 0)
        close(writer->descriptor);
    if (writer->temporary)
        unlink(writer->temporary);
    free(writer->temporary);
    free(writer->path);
    *writer = (struct file_writer){.descriptor = -1};
}

int file_write(const char *path, const void *data, size_t bytes,
               struct error *err)
{
    struct file_writer writer;
    if (file_begin(&writer, path, err) < 0 ||
        file_add(&writer, data, bytes, err) < 0 ||
        file_commit(&writer, err) < 0) {
        file_abandon(&writer);
        return error_prefix(err, "%s", path);
    }
    return 0;
}

int file_check_target(const char *path, struct error *err)
{
    struct file_writer writer;
    int result = file_begin(&writer, path, err);
    file_abandon(&writer);
    return result < 0 ? error_prefix(err, "%s", path) : 0;
}

int file_make_folders(const char *path, struct error *err)
{
    char *copy = strdup(path);
    if (!copy)
        return error_memory(err, strlen(path));
    int result = 0;
    for (char *p = copy + 1; !result; p++) {
        if (*p && *p != '/')
            continue;
        char kept = *p;
        *p = '\0';
        if (mkdir(copy, 0700) < 0 && errno != EEXIST) {
            fail_errno(err, "cannot create folder");
            result = error_prefix(err, "%s", copy);
        }
        *p = kept;
        if (!kept)
            break;
    }
    free(copy);
    return result;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool file_is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool file_is_same(const char *a, const char *b)
{
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

int64_t file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

char *path_join(const char *folder, const char *name)
{
    size_t n = strlen(folder);
    size_t length = n + strlen(name) + 2;
    char *path = malloc(length);
    if (path)
        snprintf(path, length, "%s%s%s", folder,
                 n && folder[n - 1] == '/' ? "" : "/", name);
    return path;
}

char *path_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

const char *path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool path_is_inside(const char *path)
{
    if (path[0] == '/' || path[0] == '\0')
        return false;
    for (const char *p = path; p;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.')
            return false;
        p = p[n] ? p + n + 1 : NULL;
    }
    return true;
}
