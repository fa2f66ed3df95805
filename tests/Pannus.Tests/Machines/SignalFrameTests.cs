using System.Globalization;
using Pannus.Linux;
using Pannus.Machines;
using Pannus.Tests.Support;

namespace Pannus.Tests.Machines;

/// <summary>Signal frames as C's own structures see them.</summary>
public class SignalFrameTests
{
    // struct rt_sigframe without its return address, as arch/x86/include/asm/sigframe.h has it from structures of <asm/*.h>.
    private const string Reader = """
        #include <asm/signal.h>
        #include <asm/sigcontext.h>
        #include <asm-generic/ucontext.h>
        // The C library's own headers define the same names.
        typedef __SIZE_TYPE__ size;
        int printf(const char *, ...);
        void *fopen(const char *, const char *);
        size fread(void *, size, size, void *);
        unsigned long strtoul(const char *, char **, int);
        #ifdef __i386__
        struct frame { int signal; void *info_at, *context_at; char info[128]; struct ucontext uc; };
        #define R(x) uc.uc_mcontext.e##x
        typedef struct _fpstate_32 state;
        #else
        struct frame { struct ucontext uc; };
        #define R(x) uc.uc_mcontext.r##x
        typedef struct _fpstate_64 state;
        #endif
        int main(int argc, char **argv)
        {
            static char bytes[65536] __attribute__((aligned(64)));
            void *file = fopen(argv[1], "rb");
            unsigned long address = strtoul(argv[argc - 1], 0, 16), mask;
            size length = fread(bytes, 1, sizeof bytes, file);
            struct frame *f = (struct frame *)bytes;
            unsigned long state_at = (unsigned long)f->uc.uc_mcontext.fpstate - address;
            state *s = (state *)(bytes + state_at);
            mask = *(unsigned long *)&f->uc.uc_sigmask;
        #define P(name, value) printf(name " %llx\n", (unsigned long long)(value))
            P("di", f->R(di)); P("si", f->R(si)); P("bp", f->R(bp)); P("sp", f->R(sp)); P("bx", f->R(bx)); P("dx", f->R(dx));
            P("cx", f->R(cx)); P("ax", f->R(ax)); P("ip", f->R(ip)); P("flags", f->uc.uc_mcontext.eflags);
            P("cs", f->uc.uc_mcontext.cs); P("ss", f->uc.uc_mcontext.ss); P("gs", f->uc.uc_mcontext.gs); P("fs", f->uc.uc_mcontext.fs);
            P("mask", mask & 0xffffffff); P("stack flags", f->uc.uc_stack.ss_flags);
        #ifdef __i386__
            P("ds", f->uc.uc_mcontext.ds); P("es", f->uc.uc_mcontext.es);
            P("control", s->cw & 0xffff); P("tags", s->tag & 0xffff); P("st0", s->_st[0].significand[3]); P("st0 exponent", s->_st[0].exponent);
            P("magic", s->magic); P("xmm7", s->_xmm[7].element[3]);
        #define FX 112
        #else
            P("control", s->cwd); P("xmm7", s->xmm_space[31]);
        #define FX 0
        #endif
            P("mxcsr", s->mxcsr);
            P("magic1", s->sw_reserved.magic1); P("features", s->sw_reserved.xfeatures); P("state size", s->sw_reserved.xstate_size);
            P("extended size", s->sw_reserved.extended_size);
            P("magic2", *(unsigned *)((char *)s + FX + s->sw_reserved.xstate_size));
            P("misaligned", (state_at + FX) % 64); P("beyond", state_at + s->sw_reserved.extended_size > length);
        }
        """;

    [Theory]
    [InlineData(Machine.X64)]
    [InlineData(Machine.IA32)]
    public void The_kernels_structures_hold_what_was_put_into_them(string machine)
    {
        bool is32 = machine == Machine.IA32;
        RemoteAbi abi = (is32 ? TargetArchitecture.IA32 : TargetArchitecture.X64).Remote;
        var registers = new X64Registers
        {
            Rdi = 0x101, Rsi = 0x102, Rbp = 0x103, Rsp = 0x104, Rbx = 0x105, Rdx = 0x106, Rcx = 0x107, Rax = 0x108, Rip = 0x109,
            Eflags = 0x246, Cs = 0x23, Ss = 0x2b, Gs = 0x63, Fs = 0x6b, Ds = 0x2b, Es = 0x33,
        };
        byte[] vectors = new byte[832]; // FXSAVE, XSAVE header, upper halves of ymm
        BitConverter.GetBytes((ushort)0x37f).CopyTo(vectors, 0);
        vectors[4] = 0x81; // two registers that are not empty: physical 0 and 7
        BitConverter.GetBytes(0x1f80u).CopyTo(vectors, 24);
        BitConverter.GetBytes((ushort)0xc90f).CopyTo(vectors, 32 + 6);
        BitConverter.GetBytes((ushort)0x4000).CopyTo(vectors, 32 + 8);
        BitConverter.GetBytes(0x7777_1234u).CopyTo(vectors, 160 + 7 * 16 + 12);
        BitConverter.GetBytes(7ul).CopyTo(vectors, 464);

        const ulong address = 0x1234_5640;
        byte[] frame = new byte[abi.FrameSize(vectors.Length)];
        abi.BuildFrame(frame, address, registers, 0x8765_4321, vectors);

        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(file, frame);
            Dictionary<string, ulong> read = Built.Run(Gcc.Compile(Reader, machine, "frame"), file, $"{address:x}").TrimEnd().Split('\n')
                .ToDictionary(l => l[..l.LastIndexOf(' ')], l => ulong.Parse(l[(l.LastIndexOf(' ') + 1)..], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
            Dictionary<string, ulong> expected = new()
            {
                ["di"] = 0x101, ["si"] = 0x102, ["bp"] = 0x103, ["sp"] = 0x104, ["bx"] = 0x105, ["dx"] = 0x106, ["cx"] = 0x107, ["ax"] = 0x108,
                ["ip"] = 0x109, ["flags"] = 0x246, ["cs"] = 0x23, ["ss"] = 0x2b, ["gs"] = 0x63, ["fs"] = 0x6b, ["mask"] = 0x8765_4321,
                ["stack flags"] = 7, ["control"] = 0x37f, ["xmm7"] = 0x7777_1234, ["mxcsr"] = 0x1f80, ["magic1"] = 0x46505853, ["features"] = 7,
                ["state size"] = 832, ["extended size"] = (ulong)(832 + 4 + (is32 ? 112 : 0)), ["magic2"] = 0x46505845, ["misaligned"] = 0,
                ["beyond"] = 0,
            };
            if (is32)
            {
                foreach ((string name, ulong value) in (ReadOnlySpan<(string, ulong)>)[("ds", 0x2b), ("es", 0x33), ("tags", 0x3ffc),
                    ("st0", 0xc90f), ("st0 exponent", 0x4000), ("magic", 0)]) expected[name] = value;
            }
            Assert.Equal(expected.OrderBy(e => e.Key), read.OrderBy(e => e.Key));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Tiles_are_restored_to_a_thread_that_has_them_and_left_out_for_all_others(bool hasTiles)
    {
        // Intel SDM volume 1, 13.4: the XCR0 mask lies at 464 as the kernel gives it, XSTATE_BV at 512.
        const ulong x87SseAvx = 7, tiles = 1 << 18;
        byte[] vectors = new byte[11008], state = new byte[vectors.Length + sizeof(uint)];
        BitConverter.GetBytes(x87SseAvx | tiles).CopyTo(vectors, 464);
        BitConverter.GetBytes(x87SseAvx | (hasTiles ? tiles : 0)).CopyTo(vectors, 512);
        XsaveArea.Build(state, vectors);
        int length = hasTiles ? vectors.Length : System.Runtime.Intrinsics.X86.Avx.IsSupported ? 832 : 576;
        Assert.Equal(x87SseAvx | (hasTiles ? tiles : 0), BitConverter.ToUInt64(state, 464 + 8));
        Assert.Equal(length, BitConverter.ToInt32(state, 464 + 16));
        Assert.Equal(0x46505845u, BitConverter.ToUInt32(state, length));
    }
}
