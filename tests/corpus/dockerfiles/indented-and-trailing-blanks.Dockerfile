   FROM   python:3.13   AS   app  	
	RUN true  


  FROM app	
