global using Xunit;

// Busy targets and their patchers share the processors of the machine; two tests at once would only wait for each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
