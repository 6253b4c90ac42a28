Console.Error.WriteLine("Pretraining is not there yet; the README says what is. 'dotnet test -c Release' runs the tests.");
return 1;
