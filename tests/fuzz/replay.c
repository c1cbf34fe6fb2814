/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: gives a fuzz target every file that is named on the command
 * line, and every file of the folders that are, each in an allocation of its
 * exact size so that a sanitizer sees a read past the end.  The name is
 * printed before the input runs, so the last one is the one that crashed;
 * TAP, one test a folder.  An empty folder is a failure: it would test
 * nothing. */

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

/* Returns how many inputs ran, or -1. */
static int
replay_file(const char *name)
{
    FILE *file = fopen(name, "rb");
    uint8_t *data = NULL;
    struct stat s;
    int n = -1;

    if (file && !fstat(fileno(file), &s)) {
        size_t size = (size_t) s.st_size;

        data = malloc(size ? size : 1);
        if (data && fread(data, 1, size, file) == size) {
            printf("# %s\n", name);
            fflush(stdout);
            LLVMFuzzerTestOneInput(data, size);
            n = 1;
        }
    }
    if (n < 0) {
        printf("# %s: %s\n", name, strerror(errno));
    }
    if (file) {
        fclose(file);
    }
    free(data);
    return n;
}

static int
replay_folder(const char *name)
{
    DIR *folder = opendir(name);
    struct dirent *entry;
    int n = 0;

    if (!folder) {
        return replay_file(name);
    }
    while (n >= 0 && (entry = readdir(folder))) {
        char path[PATH_MAX];

        if (entry->d_name[0] != '.') {
            int length =
                snprintf(path, sizeof path, "%s/%s", name, entry->d_name);
            int more = length < (int) sizeof path ? replay_file(path) : -1;

            n = more < 0 ? -1 : n + more;
        }
    }
    closedir(folder);
    return n;
}

int
main(int argc, char *argv[])
{
    bool failed = argc < 2;

    for (int i = 1; i < argc; i++) {
        int n = replay_folder(argv[i]);

        printf("%sok %d - %s: %d inputs\n", n > 0 ? "" : "not ", i, argv[i],
               n);
        failed |= n <= 0;
    }
    printf("1..%d\n", argc - 1);
    return failed;
}
