/* bin/logpost: Python with logpost as its only program.

   It finds its tree by the path of the running program, so the tree may lie anywhere, be moved, and be called by a link.
   Nothing else decides what is imported: no PYTHON… variable, no home directory, no working directory, no .pth file.
   Nothing is put into the environment, and no .pyc is written.

   `logpost -m logpost ARGUMENTS` is `logpost ARGUMENTS`: with that, Python programs start themselves by sys.executable. */

#include <Python.h>

#include "authorities.c"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY "python" Py_STRINGIFY(PY_MAJOR_VERSION) "." Py_STRINGIFY(PY_MINOR_VERSION)

static const wchar_t PROGRAM[] = L"import sys; from logpost.cli import main; sys.exit(main())";

/* Writes the tree's directory, `…` of `…/bin/logpost`, to `tree` and returns the program's path; NULL if it cannot. */
static const char *find_tree(char tree[PATH_MAX])
{
    static char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0 || length == sizeof program - 1)
        return NULL;
    program[length] = '\0';
    strcpy(tree, program);
    for (int level = 0; level < 2; level++) {
        char *slash = strrchr(tree, '/');
        if (slash == NULL)
            return NULL;
        *slash = '\0';
    }
    return program;
}

static PyStatus add_path(PyConfig *config, const char *tree, const char *below)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/lib/" LIBRARY "%s", tree, below);
    wchar_t *decoded = Py_DecodeLocale(path, NULL);
    if (decoded == NULL)
        return PyStatus_NoMemory();
    PyStatus status = PyWideStringList_Append(&config->module_search_paths, decoded);
    PyMem_RawFree(decoded);
    return status;
}

static PyStatus configure(PyConfig *config, const char *program, const char *tree, int argc, char **argv)
{
    PyStatus status = PyConfig_SetBytesArgv(config, argc, argv);
#define THEN(step) if (!PyStatus_Exception(status)) status = (step)
    THEN(PyConfig_SetBytesString(config, &config->executable, program));
    THEN(PyConfig_SetBytesString(config, &config->prefix, tree));
    THEN(PyConfig_SetBytesString(config, &config->exec_prefix, tree));
    THEN(PyConfig_SetBytesString(config, &config->base_executable, program));
    THEN(PyConfig_SetBytesString(config, &config->base_prefix, tree));
    THEN(PyConfig_SetBytesString(config, &config->base_exec_prefix, tree));
    THEN(PyConfig_SetString(config, &config->run_command, PROGRAM));
    THEN(add_path(config, tree, ""));
    THEN(add_path(config, tree, "/site-packages"));
    THEN(Py_InitializeFromConfig(config));
#undef THEN
    return status;
}

int main(int argc, char **argv)
{
    char tree[PATH_MAX];
    const char *program = find_tree(tree);
    if (program == NULL) {
        fprintf(stderr, "logpost: cannot read /proc/self/exe: mount /proc\n");
        return 1;
    }
    if (argc > 2 && strcmp(argv[1], "-m") == 0 && strcmp(argv[2], "logpost") == 0) {
        memmove(argv + 1, argv + 3, (size_t)(argc - 2) * sizeof *argv);
        argc -= 2;
    }

    PyPreConfig before;
    PyPreConfig_InitPythonConfig(&before);
    before.isolated = 1;
    before.use_environment = 0;
    before.parse_argv = 0;
    before.coerce_c_locale = 0; /* it sets LC_CTYPE for children; under the C locale Python's UTF-8 mode does the same */
    PyStatus status = Py_PreInitialize(&before);
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);

    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    config.isolated = 1;
    config.use_environment = 0;
    config.user_site_directory = 0;
    config.safe_path = 1;
    config.site_import = 0;
    config.pathconfig_warnings = 0;
    config.write_bytecode = 0;
    config.parse_argv = 0;
    config.module_search_paths_set = 1;
    status = configure(&config, program, tree, argc, argv);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
    return Py_RunMain();
}
