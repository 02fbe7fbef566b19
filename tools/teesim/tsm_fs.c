// SPDX-License-Identifier: Apache-2.0
#define FUSE_USE_VERSION 31
#include "teesim/tsm_fs.h"

#include <errno.h>
#include <fuse3/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/file.h"
#include "teesim/tsm_request.h"

#define TEXT_ATTRIBUTE_SIZE 4096
#define LOOP_NAP_NS 20000000

struct tsm_fs {
    struct tsm_requests *requests;
    struct fuse *fuse;
    pthread_t loop;
};

/* "/", "/report", "/report/NAME", "/report/NAME/ATTRIBUTE". */
enum place { PLACE_NONE, PLACE_ROOT, PLACE_REPORT, PLACE_REQUEST, PLACE_ATTRIBUTE };

struct where {
    enum place place;
    char name[TSM_NAME_MAX];
    enum tsm_attribute attribute;
};

static struct tsm_requests *requests(void)
{
    return ((struct tsm_fs *)fuse_get_context()->private_data)->requests;
}

static struct where locate(const char *path)
{
    struct where w = { PLACE_NONE, "", TSM_ATTRIBUTES };
    struct span rest = span_str(path), folder = SPAN("/report");

    if (span_equal(rest, SPAN("/")))
        w.place = PLACE_ROOT;
    if (span_equal(rest, folder))
        w.place = PLACE_REPORT;
    if (!span_starts(rest, SPAN("/report/")))
        return w;
    rest = span_tail(rest, folder.len + 1);
    struct span name = span_head(rest, span_find(rest, SPAN("/")));
    if (name.len == 0 || name.len >= sizeof w.name)
        return w;
    memcpy(w.name, name.at, name.len);
    if (name.len == rest.len) {
        w.place = PLACE_REQUEST;
        return w;
    }
    struct span attribute = span_tail(rest, name.len + 1);
    for (size_t i = 0; i < TSM_ATTRIBUTES; i++)
        if (span_equal_str(attribute, tsm_attribute_rows[i].name)) {
            w.place = PLACE_ATTRIBUTE;
            w.attribute = (enum tsm_attribute)i;
        }
    return w;
}

static int fs_getattr(const char *path, struct stat *st, struct fuse_file_info *info)
{
    struct where w = locate(path);

    (void)info;
    *st = (struct stat){
        .st_mode = S_IFDIR | 0755, .st_nlink = 2, .st_uid = geteuid(), .st_gid = getegid()
    };
    if (w.place == PLACE_NONE ||
        (w.place >= PLACE_REQUEST && !tsm_request_exists(requests(), w.name)))
        return -ENOENT;
    if (w.place != PLACE_ATTRIBUTE)
        return 0;
    st->st_mode = S_IFREG | tsm_attribute_rows[w.attribute].mode;
    st->st_nlink = 1;
    st->st_size = TEXT_ATTRIBUTE_SIZE;
    return 0;
}

struct listing {
    void *buffer;
    fuse_fill_dir_t fill;
};

static void list_name(const char *name, void *context)
{
    struct listing *l = context;
    l->fill(l->buffer, name, NULL, 0, 0);
}

static int fs_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
                      struct fuse_file_info *info, enum fuse_readdir_flags flags)
{
    struct where w = locate(path);
    struct listing l = { buffer, fill };

    (void)offset;
    (void)info;
    (void)flags;
    list_name(".", &l);
    list_name("..", &l);
    if (w.place == PLACE_ROOT)
        list_name("report", &l);
    if (w.place == PLACE_REPORT)
        tsm_requests_each(requests(), list_name, &l);
    for (size_t i = 0; w.place == PLACE_REQUEST && i < TSM_ATTRIBUTES; i++)
        list_name(tsm_attribute_rows[i].name, &l);
    return 0;
}

static int fs_mkdir(const char *path, mode_t mode)
{
    struct where w = locate(path);

    (void)mode;
    return w.place == PLACE_REQUEST ? -tsm_request_make(requests(), w.name) : -EPERM;
}

static int fs_rmdir(const char *path)
{
    struct where w = locate(path);

    return w.place == PLACE_REQUEST ? -tsm_request_remove(requests(), w.name) : -EPERM;
}

/* An open file keeps what it read, as configfs does. */
struct open_file {
    struct buf content;
    bool filled;
};

static int fs_open(const char *path, struct fuse_file_info *info)
{
    struct where w = locate(path);
    bool writes = (info->flags & O_ACCMODE) != O_RDONLY;

    if (w.place != PLACE_ATTRIBUTE || !tsm_request_exists(requests(), w.name))
        return -ENOENT;
    if (writes != (tsm_attribute_rows[w.attribute].mode == 0200))
        return -EACCES;
    struct open_file *file = calloc(1, sizeof *file);
    if (!file)
        return -ENOMEM;
    file->content = buf_of(FORGE_QUOTE_MAX);
    info->fh = (uintptr_t)file;
    info->direct_io = 1; /* sizes are not known beforehand */
    return 0;
}

static int fs_read(const char *path, char *to, size_t size, off_t offset,
                   struct fuse_file_info *info)
{
    struct where w = locate(path);
    struct open_file *file = (struct open_file *)(uintptr_t)info->fh;

    if (!file->filled) {
        int e = tsm_request_read(requests(), w.name, w.attribute, &file->content);
        if (e)
            return -e;
        file->filled = true;
    }
    struct span part = span_head(span_tail(buf_span(&file->content), (size_t)offset), size);
    if (part.len)
        memcpy(to, part.at, part.len);
    return (int)part.len;
}

static int fs_write(const char *path, const char *from, size_t size, off_t offset,
                    struct fuse_file_info *info)
{
    struct where w = locate(path);

    (void)info;
    int e =
        tsm_request_write(requests(), w.name, w.attribute, span_from(from, size), (size_t)offset);
    return e ? -e : (int)size;
}

static int fs_release(const char *path, struct fuse_file_info *info)
{
    struct open_file *file = (struct open_file *)(uintptr_t)info->fh;

    (void)path;
    buf_done(&file->content);
    free(file);
    return 0;
}

/* The shell's `>` truncates before it writes. */
static int fs_truncate(const char *path, off_t size, struct fuse_file_info *info)
{
    (void)info;
    return locate(path).place == PLACE_ATTRIBUTE && size == 0 ? 0 : -EPERM;
}

static void *fs_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
    (void)connection;
    config->attr_timeout = config->entry_timeout = config->negative_timeout =
        0; /* folders come and go */
    return fuse_get_context()->private_data;
}

static const struct fuse_operations operations = {
    .getattr = fs_getattr,
    .readdir = fs_readdir,
    .mkdir = fs_mkdir,
    .rmdir = fs_rmdir,
    .open = fs_open,
    .read = fs_read,
    .write = fs_write,
    .release = fs_release,
    .truncate = fs_truncate,
    .init = fs_init,
};

static void *serve(void *at)
{
    struct tsm_fs *fs = at;
    fuse_loop(fs->fuse);
    return NULL;
}

static struct fuse *fuse_make(struct tsm_fs *fs)
{
    /* Root shares the mount with the users whose agents attest. */
    char *with_others[] = { "teesim", "-ofsname=teesim,subtype=tsm,allow_other", NULL };
    char *alone[] = { "teesim", "-ofsname=teesim,subtype=tsm", NULL };
    struct fuse_args args = FUSE_ARGS_INIT(2, geteuid() == 0 ? with_others : alone);
    struct fuse *fuse = fuse_new(&args, &operations, sizeof operations, fs);

    fuse_opt_free_args(&args);
    return fuse;
}

/* What a killed simulator left mounted answers ENOTCONN. */
static void remove_stale_mount(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0 && errno == ENOTCONN)
        umount2(path, MNT_DETACH);
}

fallible tsm_fs_start(struct platform *platform, const char *path, struct tsm_fs **out)
{
    if (!forge_tee_is_tdx(platform_tee(platform)))
        return FAIL(INPUT,
                    "--mount: configfs-tsm is for TDX and SNP; SGX evidence comes over --socket");
    if (access("/dev/fuse", R_OK | W_OK) != 0)
        return FAIL(UPSTREAM, "--mount: no access to /dev/fuse here: use --socket");
    remove_stale_mount(path);
    TRY(file_make_dir(path, 0755));

    struct tsm_fs *fs = calloc(1, sizeof *fs);
    if (!fs)
        return FAIL(SYSTEM, "memory exhausted");
    fs->requests = tsm_requests_new(platform);
    fs->fuse = fs->requests ? fuse_make(fs) : NULL;
    bool mounted = fs->fuse && fuse_mount(fs->fuse, path) == 0;
    if (mounted && pthread_create(&fs->loop, NULL, serve, fs) == 0) {
        *out = fs;
        return OK;
    }
    if (mounted)
        fuse_unmount(fs->fuse);
    if (fs->fuse)
        fuse_destroy(fs->fuse);
    tsm_requests_free(fs->requests);
    free(fs);
    return FAIL(UPSTREAM, "--mount: the FUSE mount is refused: use --socket");
}

static void wake(int signal)
{
    (void)signal;
}

/* The loop sleeps in read(2); a signal that comes just before it sleeps is lost, so again until it
 * ends. */
static void end_loop(struct tsm_fs *fs)
{
    struct sigaction action = { .sa_handler = wake };
    struct timespec soon;

    sigaction(SIGUSR1, &action, NULL);
    fuse_exit(fs->fuse);
    do {
        pthread_kill(fs->loop, SIGUSR1);
        clock_gettime(CLOCK_REALTIME, &soon);
        soon.tv_sec += soon.tv_nsec + LOOP_NAP_NS >= 1000000000;
        soon.tv_nsec = (soon.tv_nsec + LOOP_NAP_NS) % 1000000000;
    } while (pthread_timedjoin_np(fs->loop, NULL, &soon) != 0);
}

void tsm_fs_stop(struct tsm_fs *fs)
{
    if (!fs)
        return;
    end_loop(fs); /* first: where a client's folder is in the mount, unmounting alone would not wake
                     it */
    fuse_unmount(fs->fuse);
    fuse_destroy(fs->fuse);
    tsm_requests_free(fs->requests);
    free(fs);
}
