using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using Pannus.Borrowing;
using Pannus.Linux;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Linux;

/// <summary>The constants and structures of the kernel are those of its headers, by a C program that prints them.</summary>
public sealed class HeaderTests
{
    private const string Headers = """
        #define _GNU_SOURCE
        #include <elf.h>
        #include <errno.h>
        #include <fcntl.h>
        #include <linux/capability.h>
        #include <linux/fs.h>
        #include <linux/futex.h>
        #include <linux/kcmp.h>
        #include <linux/ptrace.h>
        #include <sched.h>
        #include <signal.h>
        #include <stddef.h>
        #include <stdio.h>
        #include <sys/file.h>
        #include <sys/mman.h>
        #include <sys/prctl.h>
        #include <sys/resource.h>
        #include <sys/stat.h>
        #include <sys/syscall.h>
        #include <sys/user.h>
        #include <sys/vfs.h>
        #include <sys/wait.h>
        #include <time.h>

        """;

    // Not in the headers of user space: linux/errno.h of the kernel itself.
    private static readonly string[] s_kernelOnly = ["ERESTARTSYS", "ERESTARTNOINTR", "ERESTARTNOHAND", "ERESTART_RESTARTBLOCK"];

    public static TheoryData<string> Groups => [.. s_groups.Keys];

    private static readonly Dictionary<string, Func<IEnumerable<(string C, long Value)>>> s_groups = new()
    {
        ["syscall numbers"] = () => Constants(typeof(Syscall)).Where(c => c.Type == typeof(long)).Select(c => ("__NR_" + Snake(c.Name), c.Value)),
        ["open"] = () => Constants(typeof(Syscall)).Where(c => c.Type == typeof(int)).Select(c => ("O_" + c.Name[1..].ToUpperInvariant(), c.Value)),
        ["errno"] = () => Constants(typeof(Errno)).Where(c => !s_kernelOnly.Contains(c.Name)).Select(c => (c.Name, c.Value)),
        ["ptrace requests"] = () => Constants(typeof(Ptrace)).Where(c => c.Name.EndsWith("Request", StringComparison.Ordinal))
            .Select(c => ("PTRACE_" + c.Name[..^"Request".Length].ToUpperInvariant().Replace("EVENTMESSAGE", "EVENTMSG"), c.Value)),
        ["ptrace"] = () => [("PTRACE_O_TRACECLONE", Ptrace.OptionTraceClone), ("PTRACE_O_TRACESYSGOOD", Ptrace.OptionSyscallStops),
            ("PTRACE_SECCOMP_GET_FILTER", Get(typeof(Ptrace), "SeccompGetFilter")),
            ("PTRACE_GET_SYSCALL_INFO", Get(typeof(Ptrace), "SyscallInfo")),
            ("PTRACE_GET_RSEQ_CONFIGURATION", Get(typeof(Ptrace), "RseqConfiguration")),
            ("SIGCONT", Get(typeof(ContinueTimer), "SigCont")), ("CLOCK_MONOTONIC", Get(typeof(ContinueTimer), "ClockMonotonic")), ("PTRACE_O_SUSPEND_SECCOMP", Ptrace.OptionSuspendSeccomp),
            ("PTRACE_EVENT_CLONE", Ptrace.EventClone), ("NT_X86_XSTATE", Ptrace.XStateSet), ("PTRACE_EVENT_STOP", Get(typeof(WaitStatus), "EventStop")),
            ("WNOHANG", WaitStatus.NoHang), ("__WALL", WaitStatus.All), ("offsetof(siginfo_t, si_code)", 2 * sizeof(int))],
        ["signals"] = () => [("SIGCHLD", Get(typeof(ChildStops), "SigChld")), ("SA_NOCLDSTOP", Get(typeof(ChildStops), "SaNoCldStop"))],
        ["locks"] = () => [("LOCK_SH", Descriptor.LockShared), ("LOCK_EX", Descriptor.LockExclusive), ("LOCK_NB", Descriptor.LockWithoutWait),
            ("sizeof(struct statfs)", Descriptor.StatfsSize), ("offsetof(struct statfs, f_type)", 0), ("SEEK_SET", Get(typeof(KernelCalls), "SeekSet"))],
        ["scheduler"] = () => [("SCHED_OTHER", Scheduler.Other), ("SCHED_FIFO", Scheduler.Fifo), ("SCHED_BATCH", Scheduler.Batch),
            ("SCHED_IDLE", Scheduler.Idle), ("sizeof(cpu_set_t)", Scheduler.MaskSize), ("sizeof(struct sched_param)", sizeof(int)),
            ("PRIO_PROCESS", Scheduler.PrioProcess), ("PR_SET_TIMERSLACK", Scheduler.SetTimerSlackOption)],
        ["memory"] = () => [("PROT_READ | PROT_WRITE", OwnMemory.ProtectionReadWrite), ("MAP_PRIVATE", OwnMemory.MapPrivate),
            ("MAP_ANONYMOUS", OwnMemory.MapAnonymous), ("MAP_NORESERVE", OwnMemory.MapNoReserve), ("MADV_HUGEPAGE", OwnMemory.AdviseHugePage),
            ("MAP_PRIVATE", Get(typeof(RemoteProgram), "MapPrivate")), ("MAP_FIXED_NOREPLACE", Get(typeof(RemoteProgram), "MapFixedNoReplace")),
            ("MFD_CLOEXEC", Get(typeof(RemoteProgram), "MfdCloexec"))],
        ["futex, kcmp, capabilities"] = () => [("FUTEX_WAIT_PRIVATE", Futex.WaitPrivate), ("FUTEX_WAKE_PRIVATE", Futex.WakePrivate),
            ("KCMP_VM", Processes.KcmpVm), ("CAP_SYS_PTRACE", Get(typeof(TargetAccess), "CapSysPtrace")),
            ("CAP_SYS_ADMIN", Get(typeof(TargetAccess), "CapSysAdmin"))],
        ["struct stat"] = () => [("sizeof(struct stat)", Get(typeof(FileIdentity), "StatSize")), ("offsetof(struct stat, st_dev)", 0),
            ("offsetof(struct stat, st_ino)", Get(typeof(FileIdentity), "InodeOffset")), ("offsetof(struct stat, st_mode)", Get(typeof(FileIdentity), "ModeOffset")),
            ("offsetof(struct stat, st_size)", Get(typeof(FileIdentity), "SizeOffset")), ("offsetof(struct stat, st_mtim)", Get(typeof(FileIdentity), "ModifiedOffset")),
            ("offsetof(struct stat, st_ctim)", Get(typeof(FileIdentity), "ChangedOffset")), ("S_IFMT", Get(typeof(FileIdentity), "TypeMask")),
            ("S_IFREG", Get(typeof(FileIdentity), "Regular"))],
        ["struct user_regs_struct"] = () => Fields<X64Registers>("struct user_regs_struct", Snake),
    };

    [Theory, MemberData(nameof(Groups))]
    public void Is_what_the_headers_say(string group)
    {
        (string C, long Value)[] expected = [.. s_groups[group]()];
        Assert.NotEmpty(expected);
        Assert.Equal(expected, expected.Zip(Ask(expected.Select(e => e.C)), (e, value) => (e.C, value)));
    }

    [Fact]
    public void The_query_of_a_mapping_is_that_of_the_headers_where_they_have_it()
    {
        // Since Linux 6.11.
        if (!Gcc.Run("gcc", "-E -dM -include linux/fs.h -x c /dev/null").Contains("PROCMAP_QUERY")) return;
        string[] names = ["size", "query_flags", "query_addr", "vma_start", "vma_end", "vma_flags", "vma_page_size", "vma_offset", "inode",
            "dev_major", "dev_minor", "vma_name_size", "build_id_size", "vma_name_addr", "build_id_addr"];
        string[] fields = [.. typeof(MapQuery).GetFields(BindingFlags.Public | BindingFlags.Instance).Select(f => f.Name)];
        (string C, long Value)[] expected = [("sizeof(struct procmap_query)", Marshal.SizeOf<MapQuery>()), ("PROCMAP_QUERY", MapQuery.Request),
            .. fields.Zip(names, (field, name) => ($"offsetof(struct procmap_query, {name})", (long)Marshal.OffsetOf<MapQuery>(field)))];
        Assert.Equal(expected, expected.Zip(Ask(expected.Select(e => e.C)), (e, value) => (e.C, value)));
    }

    private static long[] Ask(IEnumerable<string> expressions)
    {
        string lines = string.Concat(expressions.Select(e => $"    printf(\"%lld\\n\", (long long)({e}));\n"));
        string output = Built.Run(Gcc.Compile($"{Headers}int main(void)\n{{\n{lines}    return 0;\n}}\n", "-w", "headers"));
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => long.Parse(l, CultureInfo.InvariantCulture))];
    }

    private static IEnumerable<(string C, long Value)> Fields<T>(string type, Func<string, string> name) where T : struct =>
        typeof(T).GetFields(BindingFlags.Public | BindingFlags.Instance)
            .Select(f => ($"offsetof({type}, {name(f.Name)})", (long)Marshal.OffsetOf<T>(f.Name)))
            .Append(($"sizeof({type})", Marshal.SizeOf<T>()));

    private static IEnumerable<(string Name, Type Type, long Value)> Constants(Type type) =>
        type.GetFields(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static).Where(f => f.IsLiteral && f.FieldType != typeof(string))
            .Select(f => (f.Name, f.FieldType, f.GetRawConstantValue() is ulong large ? (long)large : Convert.ToInt64(f.GetRawConstantValue(), CultureInfo.InvariantCulture)));

    private static long Get(Type type, string name) => Constants(type).Single(c => c.Name == name).Value;

    private static string Snake(string name)
    {
        var text = new StringBuilder();
        foreach (char c in name)
        {
            if (char.IsUpper(c) && text.Length > 0) text.Append('_');
            text.Append(char.ToLowerInvariant(c));
        }
        return text.ToString();
    }
}
