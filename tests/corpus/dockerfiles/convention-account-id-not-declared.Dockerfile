FROM ${Account_ID}.dkr.ecr.eu-west-1.amazonaws.com/pythonbase
