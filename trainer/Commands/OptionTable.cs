using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Trainer.Commands;

/// <summary>
/// Options of the command line that each set one value of an options record. What is not given keeps the value it has, so a
/// table applies equally to the defaults and to what <c>config.json</c> holds.
/// </summary>
/// <param name="defaults">Values that the help texts show.</param>
internal sealed class OptionTable<T>(T defaults)
{
    private readonly List<(Option Option, string Default, Func<ParseResult, T, T> Apply)> rows = [];

    /// <summary>Every option with its default, as one would give it.</summary>
    public IEnumerable<string> Defaults => rows.Select(row => $"{row.Option.Name} {row.Default}");

    /// <summary>An option of a value that is written as it is parsed.</summary>
    public Option<TValue> Add<TValue>(
        string name, string help, Func<T, TValue> get, Func<T, TValue, T> set, params string[] aliases)
        where TValue : IParsable<TValue> =>
        Register(new Option<TValue>(name, aliases)
        {
            CustomParser = OptionParsing.Value<TValue>,
            HelpName = typeof(TValue) == typeof(string) ? "text" : "number",
        }, help, Convert.ToString(get(defaults), CultureInfo.InvariantCulture), set);

    /// <summary>An option that takes one of a list of names; the options' validator checks it.</summary>
    public Option<string> AddName(
        string name, string help, IReadOnlyList<string> names, Func<T, string> get, Func<T, string, T> set, params string[] aliases)
    {
        Option<string> option = Add(name, help, get, set, aliases);
        option.HelpName = string.Join('|', names);
        return option;
    }

    /// <summary>An option that takes the name of an enumeration's value; <paramref name="names"/> are in the order of its values.</summary>
    public void AddEnum<TEnum>(
        string name, string help, IReadOnlyList<string> names, Func<T, TEnum> get, Func<T, TEnum, T> set, params string[] aliases)
        where TEnum : struct, Enum =>
        Register(new Option<TEnum>(name, aliases)
        {
            CustomParser = result => OptionParsing.Enumeration<TEnum>(result, names),
            HelpName = string.Join('|', names),
        }, help, names[Convert.ToInt32(get(defaults), CultureInfo.InvariantCulture)], set);

    /// <summary>A switch: <c>--name</c> or <c>--name true|false</c>.</summary>
    public void AddSwitch(string name, string help, Func<T, bool> get, Func<T, bool, T> set) =>
        Register(new Option<bool>(name)
        {
            CustomParser = OptionParsing.Switch,
            Arity = ArgumentArity.ZeroOrOne,
            HelpName = "true|false",
        }, help, get(defaults) ? "true" : "false", set);

    /// <summary>Adds all options to a command, in the order in which they were made.</summary>
    public void AddTo(Command command) => rows.ForEach(row => command.Options.Add(row.Option));

    /// <summary>Whether any of the options was given.</summary>
    public bool AnyGiven(ParseResult parse) => rows.Exists(row => OptionParsing.Given(parse, row.Option));

    /// <summary>The record with every given option set.</summary>
    public T Apply(ParseResult parse, T options) =>
        rows.Aggregate(options, (current, row) => OptionParsing.Given(parse, row.Option) ? row.Apply(parse, current) : current);

    private Option<TValue> Register<TValue>(Option<TValue> option, string help, string? value, Func<T, TValue, T> set)
    {
        string text = string.IsNullOrEmpty(value) ? "none" : value;
        option.Description = $"{help} [default: {text}]";
        rows.Add((option, text, (parse, options) => set(options, parse.GetRequiredValue(option))));
        return option;
    }
}

/// <summary>Parsing of option values with errors that a person can act on.</summary>
internal static class OptionParsing
{
    /// <summary>Whether an option stands on the command line.</summary>
    public static bool Given(ParseResult parse, Option option) => parse.GetResult(option) is { Implicit: false };

    public static T Value<T>(ArgumentResult result)
        where T : IParsable<T>
    {
        string token = result.Tokens[0].Value;
        if (T.TryParse(token, CultureInfo.InvariantCulture, out T? value))
        {
            return value;
        }

        return Refuse<T>(result, $"a {Expected(typeof(T))}");
    }

    public static T Enumeration<T>(ArgumentResult result, IReadOnlyList<string> names)
        where T : struct, Enum
    {
        int index = names.ToList().IndexOf(result.Tokens[0].Value);
        return index >= 0 ? (T)Enum.ToObject(typeof(T), index) : Refuse<T>(result, OptionNames.List(names));
    }

    public static bool Switch(ArgumentResult result) =>
        result.Tokens.Count == 0 || (bool.TryParse(result.Tokens[0].Value, out bool value) ? value : Refuse<bool>(result, "true or false"));

    private static string Expected(Type type) =>
        type == typeof(string) ? "text" :
        type == typeof(ulong) ? "whole number, 0 or above" :
        type == typeof(int) || type == typeof(long) ? "whole number" : "number";

    private static T Refuse<T>(ArgumentResult result, string expected)
    {
        string option = (result.Parent as OptionResult)?.Option.Name ?? "";
        result.AddError($"{option} '{result.Tokens[0].Value}': expected {expected}.");
        return default!;
    }
}
