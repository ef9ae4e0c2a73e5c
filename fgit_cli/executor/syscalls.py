"""Lists system call numbers by machine, from the kernel's tables (unistd_64.h, asm-generic/unistd.h), in groups."""

_X86_64 = {
    "read": 0, "write": 1, "readv": 19, "writev": 20, "pread64": 17, "pwrite64": 18, "preadv": 295, "pwritev": 296,
    "preadv2": 327, "pwritev2": 328, "open": 2, "openat": 257, "close": 3, "close_range": 436, "stat": 4, "fstat": 5,
    "lstat": 6, "newfstatat": 262, "statx": 332, "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11, "mremap": 25,
    "madvise": 28, "mincore": 27, "msync": 26, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14,
    "rt_sigreturn": 15, "rt_sigsuspend": 130, "rt_sigpending": 127, "rt_sigtimedwait": 128, "sigaltstack": 131,
    "access": 21, "faccessat": 269, "faccessat2": 439, "pipe": 22, "pipe2": 293, "dup": 32, "dup2": 33, "dup3": 292,
    "select": 23, "pselect6": 270, "poll": 7, "ppoll": 271, "epoll_create": 213, "epoll_create1": 291,
    "epoll_ctl": 233, "epoll_wait": 232, "epoll_pwait": 281, "eventfd": 284, "eventfd2": 290, "pause": 34,
    "nanosleep": 35, "clock_nanosleep": 230, "clock_gettime": 228, "clock_getres": 229, "gettimeofday": 96,
    "time": 201, "times": 100, "getitimer": 36, "setitimer": 38, "alarm": 37, "timer_create": 222,
    "timer_settime": 223, "timer_gettime": 224, "timer_getoverrun": 225, "timer_delete": 226, "timerfd_create": 283,
    "timerfd_settime": 286, "timerfd_gettime": 287, "getpid": 39, "gettid": 186, "getppid": 110, "getuid": 102,
    "geteuid": 107, "getgid": 104, "getegid": 108, "getresuid": 118, "getresgid": 120, "getgroups": 115,
    "getpgid": 121, "getpgrp": 111, "getsid": 124, "getrandom": 318, "uname": 63, "getcwd": 79, "chdir": 80,
    "fchdir": 81, "getdents": 78, "getdents64": 217, "statfs": 137, "fstatfs": 138, "flock": 73, "fsync": 74,
    "fdatasync": 75, "readlink": 89, "readlinkat": 267, "umask": 95, "sysinfo": 99, "getrusage": 98, "getrlimit": 97,
    "setrlimit": 160, "sched_yield": 24, "sched_getaffinity": 204, "sched_getscheduler": 145, "sched_getparam": 143,
    "sched_get_priority_max": 146, "sched_get_priority_min": 147, "getpriority": 140, "getcpu": 309, "futex": 202,
    "futex_waitv": 449, "set_robust_list": 273, "get_robust_list": 274, "rseq": 334, "set_tid_address": 218,
    "arch_prctl": 158, "membarrier": 324, "exit": 60, "exit_group": 231, "restart_syscall": 219, "wait4": 61,
    "waitid": 247, "sendfile": 40, "copy_file_range": 326, "fadvise64": 221, "readahead": 187, "recvfrom": 45,
    "shutdown": 48, "getsockname": 51, "getpeername": 52, "getsockopt": 55, "capget": 125, "mlock": 149,
    "munlock": 150, "ftruncate": 77, "signalfd4": 289, "tee": 276, "splice": 275, "getxattr": 191, "lgetxattr": 192,
    "fgetxattr": 193, "listxattr": 194, "creat": 85, "mkdir": 83, "mkdirat": 258, "rmdir": 84, "rename": 82,
    "renameat": 264, "renameat2": 316, "unlink": 87, "unlinkat": 263, "link": 86, "linkat": 265, "symlink": 88,
    "symlinkat": 266, "truncate": 76, "fallocate": 285, "chmod": 90, "fchmod": 91, "fchmodat": 268, "utime": 132,
    "utimes": 235, "futimesat": 261, "utimensat": 280, "sync_file_range": 277, "inotify_init1": 294,
    "inotify_add_watch": 254, "inotify_rm_watch": 255, "kill": 62, "tgkill": 234, "prlimit64": 302,
    "sched_setaffinity": 203, "clone": 56, "prctl": 157, "ioctl": 16, "fcntl": 72, "socketpair": 53, "sendto": 44,
    "socket": 41, "clone3": 435, "openat2": 437, "memfd_create": 319, "io_uring_setup": 425, "io_uring_enter": 426,
    "io_uring_register": 427, "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311,
    "process_madvise": 440, "process_mrelease": 448, "kcmp": 312, "pidfd_open": 434, "pidfd_getfd": 438,
    "pidfd_send_signal": 424, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "setns": 308,
    "unshare": 272, "move_mount": 429, "open_tree": 428, "fsopen": 430, "fsconfig": 431, "fsmount": 432,
    "fspick": 433, "mount_setattr": 442, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "keyctl": 250,
    "add_key": 248, "request_key": 249, "kexec_load": 246, "kexec_file_load": 320, "init_module": 175,
    "finit_module": 313, "delete_module": 176, "name_to_handle_at": 303, "open_by_handle_at": 304, "quotactl": 179,
    "quotactl_fd": 443, "swapon": 167, "swapoff": 168, "reboot": 169, "syslog": 103, "acct": 163, "settimeofday": 164,
    "adjtimex": 159, "clock_adjtime": 305, "clock_settime": 227, "personality": 135, "fanotify_init": 300,
    "fanotify_mark": 301, "lookup_dcookie": 212, "vhangup": 153, "sethostname": 170, "setdomainname": 171,
    "iopl": 172, "ioperm": 173, "modify_ldt": 154, "shmget": 29, "shmat": 30, "shmctl": 31, "shmdt": 67, "msgget": 68,
    "semget": 64, "mq_open": 240, "migrate_pages": 256, "move_pages": 279, "mbind": 237, "set_mempolicy": 238,
    "mlockall": 151, "vmsplice": 278, "remap_file_pages": 216, "nfsservctl": 180, "uselib": 134, "ustat": 136,
    "sysfs": 139, "landlock_create_ruleset": 444, "landlock_add_rule": 445, "landlock_restrict_self": 446,
    "seccomp": 317, "setpriority": 141, "ioprio_set": 251, "sched_setscheduler": 144, "sched_setparam": 142,
    "sched_setattr": 314,
}  # fmt: skip
_AARCH64 = {
    "read": 63, "write": 64, "readv": 65, "writev": 66, "pread64": 67, "pwrite64": 68, "preadv": 69, "pwritev": 70,
    "preadv2": 286, "pwritev2": 287, "openat": 56, "close": 57, "close_range": 436, "fstat": 80, "newfstatat": 79,
    "statx": 291, "lseek": 62, "mmap": 222, "mprotect": 226, "munmap": 215, "mremap": 216, "madvise": 233,
    "mincore": 232, "msync": 227, "brk": 214, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139,
    "rt_sigsuspend": 133, "rt_sigpending": 136, "rt_sigtimedwait": 137, "sigaltstack": 132, "faccessat": 48,
    "faccessat2": 439, "pipe2": 59, "dup": 23, "dup3": 24, "pselect6": 72, "ppoll": 73, "epoll_create1": 20,
    "epoll_ctl": 21, "epoll_pwait": 22, "eventfd2": 19, "nanosleep": 101, "clock_nanosleep": 115,
    "clock_gettime": 113, "clock_getres": 114, "gettimeofday": 169, "times": 153, "getitimer": 102, "setitimer": 103,
    "timer_create": 107, "timer_settime": 110, "timer_gettime": 108, "timer_getoverrun": 109, "timer_delete": 111,
    "timerfd_create": 85, "timerfd_settime": 86, "timerfd_gettime": 87, "getpid": 172, "gettid": 178, "getppid": 173,
    "getuid": 174, "geteuid": 175, "getgid": 176, "getegid": 177, "getresuid": 148, "getresgid": 150,
    "getgroups": 158, "getpgid": 155, "getsid": 156, "getrandom": 278, "uname": 160, "getcwd": 17, "chdir": 49,
    "fchdir": 50, "getdents64": 61, "statfs": 43, "fstatfs": 44, "flock": 32, "fsync": 82, "fdatasync": 83,
    "readlinkat": 78, "umask": 166, "sysinfo": 179, "getrusage": 165, "getrlimit": 163, "setrlimit": 164,
    "sched_yield": 124, "sched_getaffinity": 123, "sched_getscheduler": 120, "sched_getparam": 121,
    "sched_get_priority_max": 125, "sched_get_priority_min": 126, "getpriority": 141, "getcpu": 168, "futex": 98,
    "futex_waitv": 449, "set_robust_list": 99, "get_robust_list": 100, "rseq": 293, "set_tid_address": 96,
    "membarrier": 283, "exit": 93, "exit_group": 94, "restart_syscall": 128, "wait4": 260, "waitid": 95,
    "sendfile": 71, "copy_file_range": 285, "fadvise64": 223, "readahead": 213, "recvfrom": 207, "shutdown": 210,
    "getsockname": 204, "getpeername": 205, "getsockopt": 209, "capget": 90, "mlock": 228, "munlock": 229,
    "ftruncate": 46, "signalfd4": 74, "tee": 77, "splice": 76, "getxattr": 8, "lgetxattr": 9, "fgetxattr": 10,
    "listxattr": 11, "mkdirat": 34, "renameat": 38, "renameat2": 276, "unlinkat": 35, "linkat": 37, "symlinkat": 36,
    "truncate": 45, "fallocate": 47, "fchmod": 52, "fchmodat": 53, "utimensat": 88, "sync_file_range": 84,
    "inotify_init1": 26, "inotify_add_watch": 27, "inotify_rm_watch": 28, "kill": 129, "tgkill": 131,
    "prlimit64": 261, "sched_setaffinity": 122, "clone": 220, "prctl": 167, "ioctl": 29, "fcntl": 25,
    "socketpair": 199, "sendto": 206, "socket": 198, "clone3": 435, "openat2": 437, "memfd_create": 279,
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "ptrace": 117, "process_vm_readv": 270,
    "process_vm_writev": 271, "process_madvise": 440, "process_mrelease": 448, "kcmp": 272, "pidfd_open": 434,
    "pidfd_getfd": 438, "pidfd_send_signal": 424, "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51,
    "setns": 268, "unshare": 97, "move_mount": 429, "open_tree": 428, "fsopen": 430, "fsconfig": 431, "fsmount": 432,
    "fspick": 433, "mount_setattr": 442, "bpf": 280, "perf_event_open": 241, "userfaultfd": 282, "keyctl": 219,
    "add_key": 217, "request_key": 218, "kexec_load": 104, "kexec_file_load": 294, "init_module": 105,
    "finit_module": 273, "delete_module": 106, "quotactl": 60, "quotactl_fd": 443, "swapon": 224, "swapoff": 225,
    "reboot": 142, "syslog": 116, "acct": 89, "settimeofday": 170, "adjtimex": 171, "clock_adjtime": 266,
    "clock_settime": 112, "personality": 92, "fanotify_init": 262, "fanotify_mark": 263, "lookup_dcookie": 18,
    "vhangup": 58, "sethostname": 161, "setdomainname": 162, "shmget": 194, "shmat": 196, "shmctl": 195, "shmdt": 197,
    "msgget": 186, "semget": 190, "mq_open": 180, "migrate_pages": 238, "move_pages": 239, "mbind": 235,
    "set_mempolicy": 237, "mlockall": 230, "vmsplice": 75, "remap_file_pages": 234, "nfsservctl": 42,
    "landlock_create_ruleset": 444, "landlock_add_rule": 445, "landlock_restrict_self": 446, "seccomp": 277,
    "setpriority": 140, "ioprio_set": 30, "sched_setscheduler": 119, "sched_setparam": 118, "sched_setattr": 274,
}  # fmt: skip
NUMBERS = {"x86_64": _X86_64, "aarch64": _AARCH64}
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# What a program needs to compute, keep time, use threads and read files that it may see.
COMPUTE = str.split(
    "read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 open openat close close_range stat "
    "fstat lstat newfstatat statx lseek mmap mprotect munmap mremap madvise mincore msync brk rt_sigaction "
    "rt_sigprocmask rt_sigreturn rt_sigsuspend rt_sigpending rt_sigtimedwait sigaltstack access faccessat "
    "faccessat2 pipe pipe2 dup dup2 dup3 select pselect6 poll ppoll epoll_create epoll_create1 epoll_ctl "
    "epoll_wait epoll_pwait eventfd eventfd2 pause nanosleep clock_nanosleep clock_gettime clock_getres "
    "gettimeofday time times getitimer setitimer alarm timer_create timer_settime timer_gettime timer_getoverrun "
    "timer_delete timerfd_create timerfd_settime timerfd_gettime getpid gettid getppid getuid geteuid getgid "
    "getegid getresuid getresgid getgroups getpgid getpgrp getsid getrandom uname getcwd chdir fchdir getdents "
    "getdents64 statfs fstatfs flock fsync fdatasync readlink readlinkat umask sysinfo getrusage getrlimit "
    "setrlimit sched_yield sched_getaffinity sched_getscheduler sched_getparam sched_get_priority_max "
    "sched_get_priority_min getpriority getcpu futex futex_waitv set_robust_list get_robust_list rseq "
    "set_tid_address arch_prctl membarrier exit exit_group restart_syscall wait4 waitid sendfile copy_file_range "
    "fadvise64 readahead recvfrom shutdown getsockname getpeername getsockopt capget mlock munlock ftruncate "
    "signalfd4 tee splice getxattr lgetxattr fgetxattr listxattr"
)

# What changes files by name; harmless where all that is writable is a private tmpfs.
CHANGE_FILES = str.split(
    "creat mkdir mkdirat rmdir rename renameat renameat2 unlink unlinkat link linkat symlink symlinkat truncate "
    "fallocate chmod fchmod fchmodat utime utimes futimesat utimensat sync_file_range inotify_init1 "
    "inotify_add_watch inotify_rm_watch"
)

# Refused with ENOSYS, so that libraries take the older way.
ABSENT = str.split("clone3 openat2 memfd_create io_uring_setup io_uring_enter io_uring_register")

# Refused even where processes and sockets are allowed: other processes, mounts, kernel interfaces, shared memory
# that no limit counts, priorities.
NEVER = str.split(
    "ptrace process_vm_readv process_vm_writev process_madvise process_mrelease kcmp pidfd_open pidfd_getfd "
    "pidfd_send_signal mount umount2 pivot_root chroot setns unshare move_mount open_tree fsopen fsconfig fsmount "
    "fspick mount_setattr bpf perf_event_open userfaultfd keyctl add_key request_key kexec_load kexec_file_load "
    "init_module finit_module delete_module name_to_handle_at open_by_handle_at quotactl quotactl_fd swapon "
    "swapoff reboot syslog acct settimeofday adjtimex clock_adjtime clock_settime personality fanotify_init "
    "fanotify_mark lookup_dcookie vhangup sethostname setdomainname iopl ioperm modify_ldt shmget shmat shmctl "
    "shmdt msgget semget mq_open migrate_pages move_pages mbind set_mempolicy mlockall vmsplice remap_file_pages "
    "nfsservctl uselib ustat sysfs landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp "
    "setpriority ioprio_set sched_setscheduler sched_setparam sched_setattr"
)
