using Pannus.Linux;

namespace Pannus.Holding;

/// <summary>
/// Keeps idle processors awake for as long as it lives. The processor of a stopped thread has nothing else to do, falls
/// asleep, and takes longer to wake (an idle state's exit latency, or a halted virtual processor) than the stop itself.
/// </summary>
/// <remarks>
/// By the kernel's own means, a request to /dev/cpu_dma_latency (PM QoS, Documentation/power/pm_qos_interface.rst): 0
/// microseconds, that is, idle processors poll. It is the whole machine that is kept awake, so this is for stops that are short.
/// The request ends with its descriptor, also when this process dies. Where it can't be made (only root may by default, few
/// containers have the device), stops take longer.
/// </remarks>
internal readonly struct WakefulProcessors : IDisposable
{
    private const string Device = "/dev/cpu_dma_latency";

    private readonly Descriptor? _descriptor;

    private WakefulProcessors(Descriptor? descriptor) => _descriptor = descriptor;

    /// <summary>Makes the request.</summary>
    public static WakefulProcessors Request()
    {
        Descriptor? descriptor = Descriptor.TryOpen(Device, OpenMode.Write);
        _ = descriptor?.Write([0, 0, 0, 0]);
        return new WakefulProcessors(descriptor);
    }

    /// <summary>Takes it back.</summary>
    public void Dispose() => _descriptor?.Dispose();
}
