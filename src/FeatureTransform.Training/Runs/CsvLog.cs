using System.Globalization;
using System.Text;

namespace FeatureTransform.Training.Runs;

/// <summary>Adds the values of a row to a line, one column after the other.</summary>
internal delegate void CsvFormat<T>(in T row, ref CsvLine line);

/// <summary>A line that is being formatted into a buffer, in invariant culture.</summary>
internal ref struct CsvLine(Span<byte> destination)
{
    private readonly Span<byte> destination = destination;

    /// <summary>Bytes so far.</summary>
    public int Length { get; private set; }

    /// <summary>Whether the buffer was large enough so far.</summary>
    public bool Fits { get; private set; } = true;

    /// <summary>Adds a column; a number in the shortest form that reads back to the same bits.</summary>
    public void Add<TValue>(TValue value)
        where TValue : IUtf8SpanFormattable
    {
        AddSeparator();
        Fits = Fits && value.TryFormat(destination[Length..], out int written, default, CultureInfo.InvariantCulture) && Advance(written);
    }

    /// <summary>Adds an empty column.</summary>
    public void AddEmpty() => AddSeparator();

    /// <summary>Ends the line.</summary>
    public void End() => AddByte((byte)'\n');

    private void AddSeparator()
    {
        if (Length > 0)
        {
            AddByte((byte)',');
        }
    }

    private void AddByte(byte value)
    {
        Fits = Fits && Length < destination.Length;
        if (Fits)
        {
            destination[Length++] = value;
        }
    }

    private bool Advance(int count)
    {
        Length += count;
        return true;
    }
}

/// <summary>
/// A CSV file that grows by a row at a time. Its first column counts the rows from 0, which is how a resumed run knows
/// where to go on. Rows reach the file when <see cref="Flush"/> is called, or the buffer is full; nothing is allocated for a row.
/// </summary>
internal sealed class CsvLog<T> : IDisposable
{
    private const int BufferSize = 1 << 16;

    private readonly string path;
    private readonly CsvFormat<T> format;
    private readonly FileStream file;
    private readonly byte[] buffer = new byte[BufferSize];
    private int used;

    /// <summary>Opens the file with its first <paramref name="rows"/> rows and no more; 0 starts it anew.</summary>
    /// <exception cref="InvalidInputException">A row before that is missing, or the file cannot be opened.</exception>
    public CsvLog(string path, string header, CsvFormat<T> format, long rows)
    {
        (this.path, this.format) = (path, format);
        file = Guard(() => new FileStream(
            path, rows == 0 ? FileMode.Create : FileMode.Open, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0));
        try
        {
            if (rows == 0)
            {
                used = Encoding.UTF8.GetBytes(header + "\n", buffer);
                Flush();
            }
            else
            {
                Guard(() => Truncate(header, rows));
            }
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Adds a row.</summary>
    /// <exception cref="InvalidInputException">The disk is full.</exception>
    public void Append(in T row)
    {
        if (!TryAppend(row))
        {
            WriteBuffer();
            if (!TryAppend(row))
            {
                throw new InvalidOperationException($"A row of '{path}' is longer than {BufferSize} bytes.");
            }
        }
    }

    /// <summary>Brings every row to the disk.</summary>
    /// <exception cref="InvalidInputException">The disk is full.</exception>
    public void Flush()
    {
        WriteBuffer();
        Guard(() => file.Flush(flushToDisk: true));
    }

    public void Dispose()
    {
        try
        {
            WriteBuffer();
        }
        finally
        {
            file.Dispose();
        }
    }

    private bool TryAppend(in T row)
    {
        var line = new CsvLine(buffer.AsSpan(used));
        format(row, ref line);
        line.End();
        used += line.Fits ? line.Length : 0;
        return line.Fits;
    }

    private void WriteBuffer()
    {
        // Emptied first: what could not be written once is not tried again while the error is on its way out.
        int count = used;
        used = 0;
        try
        {
            file.Write(buffer, 0, count);
        }
        catch (IOException error)
        {
            throw Error(error);
        }
    }

    // Cuts the file after its first rows, and with them a line that a killed process left unfinished.
    private void Truncate(string header, long rows)
    {
        using var reader = new StreamReader(file, Encoding.UTF8, detectEncodingFromByteOrderMarks: false, leaveOpen: true);
        long end = 0;
        for (long row = -1; row < rows; row++)
        {
            string? line = reader.ReadLine();
            string expected = row < 0 ? header : row.ToString(CultureInfo.InvariantCulture);
            string? found = row < 0 ? line : line?.Split(',', 2)[0];
            end += line is null ? 0 : Encoding.UTF8.GetByteCount(line) + 1;
            if (found != expected || end > file.Length)
            {
                throw new InvalidInputException(
                    $"'{path}' cannot be continued: {(row < 0 ? "its header" : $"row {row} of the {rows} that the checkpoint counts on")} " +
                    $"is missing or cut short. Resume from a whole copy of the run folder, or start a new run.");
            }
        }

        file.SetLength(end);
        file.Position = end;
    }

    private void Guard(Action action) =>
        Guard(() =>
        {
            action();
            return true;
        });

    private TResult Guard<TResult>(Func<TResult> action)
    {
        try
        {
            return action();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Error(error);
        }
    }

    private InvalidInputException Error(Exception error) => new($"Cannot write '{path}': {FileErrors.Describe(error)}.", error);
}
