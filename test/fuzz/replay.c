/* Runs a fuzzer's harness once over every file of a corpus folder, where libFuzzer is not there to do it.
 *
 * Usage: fuzz.<what> <folder>. A folder that is missing, unreadable or empty fails: a corpus that got lost must
 * not look like a test that passed. A crash or a sanitizer's report is the failure; the name of the file that
 * was being run stands on standard error before it. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data;
    long size;

    if (!file || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0) {
        perror(path);
        return -1;
    }
    rewind(file);
    /* Exactly as large as the input, so that a read beyond its end is seen. */
    data = malloc(size ? (size_t)size : 1);
    if (!data || fread(data, 1, (size_t)size, file) != (size_t)size) {
        perror(path);
        return -1;
    }
    fclose(file);
    fprintf(stderr, "%s (%ld bytes)\n", path, size);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    return 0;
}

static int run_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    char path[4096];
    int count = 0;

    if (!dir) {
        perror(folder);
        return -1;
    }
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (run_file(path) < 0)
            return -1;
        count++;
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;

    if (argc != 2) {
        fprintf(stderr, "usage: %s <corpus folder>\n", argv[0]);
        return 2;
    }
    count = run_folder(argv[1]);
    if (count <= 0) {
        fprintf(stderr, "%s: no corpus\n", argv[1]);
        return 1;
    }
    printf("%d inputs\n", count);
    return 0;
}
